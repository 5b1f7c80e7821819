//! Every check and every test.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::{Outcome, cargo, cargo_heard, cargo_with, step, succeeds};
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
    step("documentation", || {
        cargo_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--no-deps", "--locked"])
    })?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let tests = step("tests", || {
        // A test program that never ends must not hold up the others for ever.
        let runner = ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "timeout --kill-after=10 900");
        let counts = Arc::clone(&tally);
        let count = move |line: &str| lock(&counts).read(line);
        cargo_heard(&[runner], &["test", "--workspace", "--locked", "--no-fail-fast"], count)
    });
    println!("{}", lock(&tally));
    tests
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What came of the tests of all programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    /// So many tests of the present program have begun; it has not said what came of them.
    open: usize,
    /// Those that are said to take long.
    slow: Vec<String>,
    /// Those that failed, or were slow when their program died.
    names: Vec<String>,
}

impl Tally {
    /// Reads a line of libtest's output.
    fn read(&mut self, line: &str) {
        let number_before = |text: &str, word: &str| text.trim().strip_suffix(word)?.trim().parse().ok();
        if let Some(begun) = line.strip_prefix("running ") {
            let begun: Option<usize> = number_before(begun, "tests").or_else(|| number_before(begun, "test"));
            if let Some(begun) = begun {
                // A program that has died was not able to say which of its tests had passed.
                self.failed += std::mem::replace(&mut self.open, begun);
                self.names.append(&mut self.slow);
            }
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
            let count = |word| counts.split(';').find_map(|part| number_before(part, word)).unwrap_or(0);
            self.passed += count("passed");
            self.failed += count("failed");
            self.open = 0;
        } else if let Some((name, rest)) = line.strip_prefix("test ").and_then(|test| test.split_once(' ')) {
            self.slow.retain(|slow| slow != name);
            match rest {
                "... FAILED" => self.names.push(name.into()),
                _ if rest.starts_with("has been running") => self.slow.push(name.into()),
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed + self.open)?;
        self.names.iter().chain(&self.slow).try_for_each(|name| write!(f, "\n    {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_programs_are_summed_up_and_one_that_died_has_failed() {
        let mut tally = Tally::default();
        let said = "
running 1 test
test a ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 4 tests
test b ... FAILED
test b::slow has been running for over 60 seconds
test b::slow ... ok
running 20 miles is no such line
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s

running 5 tests
test c ... ok

running 3 tests
test d::hangs has been running for over 60 seconds
test d::fast ... ok
";
        said.lines().for_each(|line| tally.read(line));
        assert_eq!(tally.to_string(), "3 passed, 9 failed\n    b\n    d::hangs");
    }
}
