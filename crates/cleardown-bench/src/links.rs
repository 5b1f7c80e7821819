//! Links: what listing, dialling, ending and carrying cost, beside NetworkManager and plain copiers.
//!
//! Each part is a process of its own in a network namespace of its own, with a daemon, folders and peers of its own: so
//! that it can be given up at any time, and nothing is left.

mod by_hand;
mod calls;
mod framing;
mod life;
mod listing;
mod manager;
mod pppd;
mod rows;
mod stage;
mod traffic;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cleardown_testkit::Namespace;
use cleardown_testkit::process::Group;

use crate::report::Report;
use crate::stop;

pub(crate) use rows::Section;

/// A part: its name, how long it may take, and what it does.
struct Part {
    name: &'static str,
    limit: Duration,
    measure: fn(quick: bool) -> io::Result<Section>,
}

const PARTS: &[Part] = &[
    Part { name: "listing", limit: Duration::from_secs(180), measure: listing::measure },
    Part { name: "calls", limit: Duration::from_secs(90), measure: calls::measure },
    Part { name: "life", limit: Duration::from_secs(120), measure: life::measure },
    Part { name: "traffic", limit: Duration::from_secs(150), measure: traffic::measure },
    Part { name: "pppd", limit: Duration::from_secs(300), measure: pppd::measure },
    Part { name: "framing", limit: Duration::from_secs(60), measure: framing::measure },
];

/// Every part that is wanted. What does not work is left out, and said.
pub(crate) fn measure(quick: bool, wanted: impl Fn(&str) -> bool, report: &mut Report) -> io::Result<()> {
    if !Namespace::available() {
        report.leave_out("links", "they need network namespaces, which need root");
        return Ok(());
    }
    for part in PARTS.iter().filter(|part| wanted(part.name)) {
        eprintln!("links: {}", part.name);
        match in_child(part, quick) {
            Ok(section) => report.links.push(section),
            Err(error) => {
                eprintln!("  left out: {error}");
                report.leave_out(&format!("links, {}", part.name), &error.to_string());
            }
        }
        stop::check()?;
    }
    Ok(())
}

/// The child's own part.
pub(crate) fn child(name: &str, quick: bool, answer: &Path) -> io::Result<()> {
    let part = PARTS.iter().find(|part| part.name == name);
    let part = part.ok_or_else(|| io::Error::other("there is no such part"))?;
    let said = (part.measure)(quick).map_err(|error| error.to_string());
    fs::write(answer, serde_json::to_vec(&said)?)
}

fn in_child(part: &Part, quick: bool) -> io::Result<Section> {
    // A run-time directory is memory on a real machine. On a busy disk each rename in the journal waits for that.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let home = tempfile::Builder::new().prefix("cleardown-bench-").tempdir_in(parent)?;
    let _stop = Stop(home.path());
    let answer = home.path().join("answer.json");
    let namespace = Namespace::new();
    let mut command = namespace.command(std::env::current_exe()?);
    command.args(["link", part.name]).arg(&answer).args(quick.then_some("--quick"));
    command.env("HOME", home.path()).current_dir(home.path()).stdin(Stdio::null());
    for what in ["runtime", "config", "state"] {
        let variable = format!("CLEARDOWN_{}_DIR", what.to_uppercase());
        command.env(variable, home.path().join(format!("cleardown-{what}")));
    }
    // A group of its own: whatever it has started ends with it.
    let mut group = Group::spawn(&mut command)?;
    let late = Instant::now() + part.limit;
    while !group.ended() {
        stop::check()?;
        if Instant::now() > late {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let said: Result<Section, String> = serde_json::from_reader(File::open(&answer)?)?;
    said.map_err(io::Error::other)
}

/// Ends the daemon and the workers of a home, which lead groups of their own.
struct Stop<'a>(&'a Path);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        crate::ours::stop(self.0);
    }
}
