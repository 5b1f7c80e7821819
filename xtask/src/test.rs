//! Every check and every test.

use crate::run::{Outcome, cargo, cargo_with, step, succeeds};
use crate::setup::setup;

pub(crate) fn test() -> Outcome {
    setup()?;
    step("formatting", || cargo(&["fmt", "--all", "--check"]))?;
    step("licences, sources and bans of dependencies", || {
        if !succeeds("cargo", &["deny", "--version"]) {
            cargo(&["install", "cargo-deny", "--locked", "--debug"])?;
        }
        // Advisories need a database from the network: `cargo deny check advisories`.
        cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])
    })?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    // All targets at once: packages built apart would get other features, and be built twice.
    step("build", || cargo(&["build", "--workspace", "--all-targets", "--locked"]))?;
    step("tests", || {
        // A test program that never ends must not hold up the others for ever.
        let runner = ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "timeout --kill-after=10 900");
        cargo_with(&[runner], &["test", "--workspace", "--locked", "--no-fail-fast"])
    })?;
    step("documentation", || {
        cargo_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--no-deps", "--locked"])
    })
}
