//! Who carries a tunnel of WireGuard: the kernel where it can, and else a worker.

use cleardown_core::link::{Device, Engine, Entry, RasState};
use cleardown_core::{Code, Error, ErrorKind, Result};
use cleardown_kernel::net::wireguard;

/// Who is to carry the link of this entry, for this user; none where there is nothing to choose.
///
/// # Errors
/// The entry insists on the kernel, which cannot.
pub(super) async fn choose(entry: &Entry, owner: u32) -> Result<Option<Engine>> {
    let Device::WireGuard { listen_port, engine: wanted, .. } = &entry.device else { return Ok(None) };
    if *wanted == Some(Engine::Embedded) {
        return Ok(wanted.to_owned());
    }
    let hindrance = if entry.dialling.idle_disconnect_seconds > 0 {
        Some("the kernel counts signs of life too, and so does not know when a tunnel is idle")
    } else if owner != 0 && listen_port.is_some_and(|port| (1..1024).contains(&port)) {
        Some("the kernel would listen on a port that only root may have")
    } else if !tokio::task::spawn_blocking(wireguard::available).await.unwrap_or(false) {
        Some(
            "this kernel has no WireGuard; without `engine = \"kernel\"` a process of ours carries the tunnel",
        )
    } else {
        None
    };
    match (hindrance, wanted) {
        (None, _) => Ok(Some(Engine::Kernel)),
        (Some(_), None) => Ok(Some(Engine::Embedded)),
        (Some(why), Some(_)) => Err(Error::from(ErrorKind::Link {
            entry: entry.name.to_string(),
            code: Code::PORT_NOT_FOUND,
            during: RasState::OpenPort,
        })
        .because(why)),
    }
}
