//! Mounting: the folder, and then the kernel.

use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::drive::Event;
use cleardown_core::{ErrorKind, Result};
use cleardown_kernel::{MountRequest, Mounted, mount};
use futures_util::FutureExt;

use super::perform::blocking;
use super::{Happening, Work};
use crate::context::{Context, Record};

/// How long the kernel may take to mount.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the folder if it is missing, and mounts. On failure nothing is left.
pub(super) fn mount(context: &Arc<Context>, record: &Record) -> Work {
    let spec = &record.spec;
    let Some(at) = spec.at.clone() else {
        let failed =
            Event::MountFailed(ErrorKind::NotSupported("mounting a deviceless connection".into()).into());
        return std::future::ready(Happening::Event(failed)).boxed();
    };
    let gid = rustix::process::getegid().as_raw();
    let request = MountRequest {
        at,
        source: spec.remote.to_string(),
        read_only: spec.read_only,
        allow_other: false,
        owner: (context.rules.me, gid),
        max_read: None,
    };
    let made_folder = record.made_folder;
    async move {
        match blocking(move || make(request, made_folder)).await {
            Some(Ok(mounted)) => Happening::Mounted(Box::new(mounted)),
            Some(Err(error)) => Happening::Event(Event::MountFailed(error)),
            None => Happening::Event(Event::MountFailed(ErrorKind::Daemon("mounting".into()).into())),
        }
    }
    .boxed()
}

fn make(request: MountRequest, make_folder: bool) -> Result<Mounted> {
    let at = request.at.clone();
    if make_folder {
        mount::make_folder(&at)?;
    }
    mount::mount(request, PATIENCE).inspect_err(|_| {
        if make_folder {
            mount::remove_folder(&at);
        }
    })
}
