//! A worker for links alone: what `cleardownd worker` does too, in a program without SMB and SSH. A process maps what of its
//! program it has touched, and there is one such process for each link.

use std::process::ExitCode;

/// As in `cleardownd`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The arguments are those of `cleardownd worker ID`, so that whoever looks sees one kind of worker.
    let args = std::env::args_os().skip_while(|arg| arg != "worker").skip(1);
    cleardown_daemon::start_log();
    cleardown_worker::run_with(args, cleardown_worker::provider::NoServers)
}
