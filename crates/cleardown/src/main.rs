//! The command line; called `net` or `rasdial`, it speaks the old words.

use std::process::ExitCode;

fn main() -> ExitCode {
    cleardown::main(std::env::args_os().collect())
}
