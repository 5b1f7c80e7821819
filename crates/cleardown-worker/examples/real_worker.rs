//! The worker as the product runs it, for tests against real servers.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    cleardown_worker::run(std::env::args_os().skip(1))
}
