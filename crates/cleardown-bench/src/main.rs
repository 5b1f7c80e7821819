//! Cleardown beside its peers on the same servers, in one run: medians and ratios to a file.

mod null;

use std::io::Write;

use clap::Parser;

#[derive(Parser)]
enum Cli {
    /// Serves the null file system until standard input ends.
    Null {
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
}

/// Prints a line at once, for a parent that reads it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn main() -> std::io::Result<()> {
    match Cli::parse() {
        Cli::Null { threads } => null::serve(threads),
    }
}
