//! What makes a process a worker: it outlives whoever started it, and keeps its secrets.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::net::SocketType;
use rustix::process::{DumpableBehavior, configure_io_flusher_behavior, set_dumpable_behavior, setsid};

/// Takes the listening socket from standard input, and leaves nothing that a terminal or a parent could take
/// away.
pub(crate) fn prepare(id: &str) -> io::Result<OwnedFd> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    if rustix::net::sockopt::socket_type(&socket).ok() != Some(SocketType::SEQPACKET) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "standard input is no worker's socket"));
    }
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    // It fails when the daemon has done it for us.
    let _ = setsid();
    rustix::process::chdir("/")?;
    // No core dump and no debugger of the same user may show the password.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let name = format!("cleardown-{id}").replace('\0', "");
    let _ = rustix::thread::set_name(&std::ffi::CString::new(name).unwrap_or_default());
    prefer();
    Ok(socket)
}

/// Data of applications hang on this process: it should be the last to go when memory runs out, and must not wait
/// for its own file system when it allocates. Both need privileges, and are done without where there are none.
fn prefer() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "-500");
    let _ = configure_io_flusher_behavior(true);
}
