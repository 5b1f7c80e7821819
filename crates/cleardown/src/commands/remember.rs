//! `remember`: put a connected drive into the profile.

use cleardown_core::{Exit, Result};

use super::DONE;
use crate::connect;
use crate::ui::Ui;

/// Remember a connected drive, so that it comes back at the next login.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The drives' names.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    for (client, names) in connect::owners_of(&args.names).await? {
        for name in names {
            client.remember(&name).await?;
            ui.data(format!("{name} is remembered"));
        }
    }
    DONE
}
