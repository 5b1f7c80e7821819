//! `cleardownd` in its roles: the daemon, (started by it) a worker, and the demo's servers.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use cleardown_daemon::Options;

/// Workers make and drop small buffers on several threads all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    let role = args.peek().and_then(|arg| arg.to_str()).unwrap_or_default().to_owned();
    match role.as_str() {
        "--help" | "-h" => say(Options::USAGE),
        "--version" | "-V" => say(concat!("cleardownd ", env!("CARGO_PKG_VERSION"), "\n")),
        "worker" => {
            cleardown_daemon::start_log();
            cleardown_worker::run(args.skip(1))
        }
        "sftp-server" => cleardown_daemon::sftp_server(args.skip(1)),
        "ppp-peer" => cleardown_daemon::ppp_peer(args.skip(1)),
        _ => daemon(args),
    }
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn daemon(args: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(error) => {
            let _ = write!(std::io::stderr(), "cleardownd: {error}\n{}", Options::USAGE);
            return ExitCode::from(2);
        }
    };
    cleardown_daemon::log_to_file(&options);
    cleardown_daemon::start_log();
    // Whoever started us may leave: signals to its terminal are not for us. An error says that we lead a session.
    let _ = rustix::process::setsid();
    match cleardown_daemon::run(&options, close_output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the daemon ends");
            // The client that started us reads this.
            let _ = writeln!(std::io::stdout(), "error: {error}");
            let _ = writeln!(std::io::stderr(), "cleardownd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the client that started us that we are ready: it reads our output up to its end.
fn close_output() {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    if let Ok(null) = rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty()) {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
