//! The project's own commands: `cargo xtask`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for a terminal")]

mod clib;
mod install;
mod run;
mod setup;
mod test;

use std::process::ExitCode;

use run::{Outcome, cargo, failed};

const USAGE: &str = "\
cargo xtask COMMAND

  setup                           install what the tests need (Debian; as root)
  test                            setup, then every check and every test
  demo                            build, and map, use and end a drive against a server of its own
  bench [ARGS]                    speed beside peers on the same servers (release build)
  torture [--seed N] [--seconds S]
                                  writers, faults and ends at random; nothing acknowledged may be lost
  install [--prefix DIR] [--built DIR]
                                  programs, C libraries and headers, manual pages, completions,
                                  units [default: /usr/local]
  man [DIR]                       write the manual pages [default: target/man]
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "setup" => setup::setup(),
        "test" => test::test(),
        "demo" => demo(),
        "bench" => bench(&rest),
        "torture" => torture(&rest),
        "install" => install::install(&rest),
        "man" => install::man(rest.first().map(String::as_str)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Outcome {
    cargo(&["build", "--workspace", "--locked", "--quiet"])?;
    run::program(&run::target("debug/cleardown"), &["demo"])
}

fn bench(args: &[String]) -> Outcome {
    cargo(&["build", "--workspace", "--locked", "--release"])?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run::program(&run::target("release/cleardown-bench"), &args)
}

fn torture(args: &[String]) -> Outcome {
    let mut seconds = "600";
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()).to_string();
    let mut seed = clock.as_str();
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--seconds" => seconds = value,
            [flag, value] if flag == "--seed" => seed = value,
            _ => return failed(format!("torture does not know {}", pair.join(" "))),
        }
    }
    cargo(&["build", "--workspace", "--all-targets", "--locked"])?;
    let environment = [("CLEARDOWN_TORTURE_SECONDS", seconds), ("CLEARDOWN_TORTURE_SEED", seed)];
    run::cargo_with(
        &environment,
        &["test", "--workspace", "--locked", "--test", "torture", "--", "--nocapture"],
    )
}
