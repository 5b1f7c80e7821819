//! Medians, ratios, and the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::contender;
use crate::links::Section;
use crate::ours::Commands;
use crate::raw;
use crate::work::{Measured, ROWS, Row, Scale};

/// Seconds that a peer's row may take to be done in every round.
const LONG: f64 = 4.0;
/// The same for a row that another one needs.
const LONG_FOR_TWO: f64 = 10.0;

/// Everything measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    scale: Scale,
    kernel: String,
    cores: usize,
    /// By contender, then by row.
    figures: BTreeMap<String, BTreeMap<String, Vec<Measured>>>,
    /// The same, what went wrong.
    failures: BTreeMap<String, BTreeMap<String, String>>,
    left_out: BTreeMap<String, String>,
    pub(crate) commands: Option<Commands>,
    pub(crate) links: Vec<Section>,
}

impl Report {
    pub(crate) fn new(scale: &Scale) -> Report {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Report {
            rounds: 0,
            scale: *scale,
            kernel: release.trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(0, |cores| cores.get()),
            figures: BTreeMap::new(),
            failures: BTreeMap::new(),
            left_out: BTreeMap::new(),
            commands: None,
            links: Vec::new(),
        }
    }

    pub(crate) fn leave_out(&mut self, contender: &str, why: &str) {
        self.left_out.insert(contender.to_owned(), why.to_owned());
    }

    pub(crate) fn add(&mut self, contender: &str, row: &str, result: io::Result<Measured>) {
        match result {
            Ok(m) => self
                .figures
                .entry(contender.to_owned())
                .or_default()
                .entry(row.to_owned())
                .or_default()
                .push(m),
            Err(error) => {
                let failures = self.failures.entry(contender.to_owned()).or_default();
                failures.insert(row.to_owned(), error.to_string());
            }
        }
    }

    /// A peer's row that takes long, or failed, is not done again: its place in the table will not change.
    pub(crate) fn is_slow(&self, contender: &str, row: &str) -> bool {
        let failed = self.failures.get(contender).is_some_and(|rows| rows.contains_key(row));
        let figures = self.figures.get(contender).and_then(|rows| rows.get(row));
        let is_needed = ROWS.iter().any(|other| other.after == Some(row));
        let most = if is_needed { LONG_FOR_TWO } else { LONG };
        let long = figures.is_some_and(|all| all.iter().any(|m| m.server > most));
        !contender.starts_with("cleardown") && (failed || long)
    }

    /// Medians of the two times, as the row's unit: (application, server).
    fn median(&self, contender: &str, row: &Row) -> Option<(f64, f64)> {
        let all = self.figures.get(contender)?.get(row.name)?;
        let middle = |take: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = all.iter().map(|m| rate(row, take(m), m.amount)).collect();
            values.sort_by(f64::total_cmp);
            let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
            Some((low + high) / 2.0)
        };
        Some((middle(|m| m.app)?, middle(|m| m.server)?))
    }

    fn cell(&self, contender: &str, row: &Row) -> String {
        let Some((app, server)) = self.median(contender, row) else {
            let failure = self.failures.get(contender).and_then(|rows| rows.get(row.name));
            return match failure {
                Some(why) if why.starts_with('>') => why.clone(),
                Some(_) => "failed".to_owned(),
                None => "-".to_owned(),
            };
        };
        let late = (app / server).max(server / app) > 1.05;
        if late { format!("{} ({})", number(server), number(app)) } else { number(server) }
    }

    /// Ours beside the best peer of the same protocol: above 1 is faster.
    fn ratio(&self, ours: &str, protocol: &str, row: &Row) -> String {
        let peers = contender::all().into_iter().map(|c| c.name).filter(|name| {
            !name.starts_with("cleardown") && !name.starts_with("null") && is_of(name, protocol)
        });
        let rates = peers.filter_map(|peer| self.median(peer, row)).map(|(_, server)| server);
        let less_is_better = row.unit == "s";
        let best = rates.reduce(|a, b| if less_is_better { a.min(b) } else { a.max(b) });
        match (self.median(ours, row), best) {
            (Some((_, own)), Some(best)) => {
                format!("{:.2}", if less_is_better { best / own } else { own / best })
            }
            _ => "-".to_owned(),
        }
    }

    /// Ours beside what its client can do without a file system.
    fn of_limit(&self, ours: &str, row: &Row) -> String {
        match (self.median(ours, row), self.median(raw::OWN, row)) {
            (Some((_, own)), Some((_, limit))) if row.unit == "s" => format!("{:.2}", limit / own),
            (Some((_, own)), Some((_, limit))) => format!("{:.2}", own / limit),
            _ => "-".to_owned(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# Benchmark\n\nWritten by `cargo xtask bench`: {} cores, Linux {}; medians of rounds in which the \
             contenders take turns.\n",
            self.cores, self.kernel
        );
        if !self.figures.is_empty() || !self.failures.is_empty() {
            self.drives(&mut text);
        }
        if let Some(commands) = &self.commands {
            text.push_str("\n## Commands and processes\n\n| what | |\n|---|---|\n");
            for (what, figure) in commands.lines() {
                let _ = writeln!(text, "| {what} | {figure} |");
            }
        }
        self.links.iter().for_each(|section| section.markdown(&mut text));
        self.notes(&mut text);
        text
    }

    fn drives(&self, text: &mut String) {
        let s = &self.scale;
        let _ = write!(
            text,
            "\n## Drives\n\nOne Samba and one OpenSSH server over the same tmpfs, on loopback; up to {} rounds. \
             Each figure counts until the bytes were on the server; in brackets what the application saw, where that \
             differs.\n\nread and write: {} MiB, cold, with fsync. read 4 KiB, reread, random: a file of {} MiB each, made \
             on the server; with small buffers from front to back; for the third time; blocks of 4 KiB that nobody has \
             read before, with fsync. create, read small, delete: {} files of 4 KiB; `ls -l` of {} entries; untar, \
             `git status` and `rm -r`: a tree of {} files. Each row is a program of its own name on a mount that has \
             not seen it before, so that nothing learnt in one row helps another. Of a program that they do not know our \
             drives take reads of files below 512 MiB through the page cache and of larger ones past it: a large file in \
             small pieces, or a smaller one in large pieces, is slower the first time.\n\n",
            self.rounds, s.big, s.medium, s.small, s.many, s.tree,
        );
        let heads: Vec<String> = ROWS.iter().map(|row| format!("{} {}", row.name, row.unit)).collect();
        let _ = writeln!(text, "| mount | {} |", heads.join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(ROWS.len()));
        let known = |name: &str| self.figures.contains_key(name) || self.failures.contains_key(name);
        let names = contender::all().into_iter().map(|contender| contender.name);
        for name in names.chain([raw::SMBCLIENT, raw::OWN]).filter(|name| known(name)) {
            let cells: Vec<String> = ROWS.iter().map(|row| self.cell(name, row)).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        for protocol in ["smb", "sftp"] {
            let ours = format!("cleardown {protocol}");
            let cells: Vec<String> = ROWS.iter().map(|row| self.ratio(&ours, protocol, row)).collect();
            let _ = writeln!(text, "| **{ours}, times the best {protocol} peer** | {} |", cells.join(" | "));
        }
        let cells: Vec<String> = ROWS.iter().map(|row| self.ratio("cleardown smb", "", row)).collect();
        let _ = writeln!(text, "| **cleardown smb, times the best peer of all** | {} |", cells.join(" | "));
        let cells: Vec<String> = ROWS.iter().map(|row| self.of_limit("cleardown smb", row)).collect();
        let _ = writeln!(text, "| **cleardown smb, of our SMB client alone** | {} |", cells.join(" | "));
    }

    fn notes(&self, text: &mut String) {
        let failures = self.failures.iter().flat_map(|(contender, rows)| {
            rows.iter().map(move |(row, why)| format!("{contender}, {row}: {why}"))
        });
        let left_out = self.left_out.iter().map(|(contender, why)| format!("{contender}, left out: {why}"));
        let notes: Vec<String> = failures.chain(left_out).collect();
        if !notes.is_empty() {
            text.push_str("\n## What did not work\n\n");
            for note in notes {
                let _ = writeln!(text, "- {}", note.replace('\n', " "));
            }
        }
    }

    /// Writes the table, the figures beside it, and the table to standard output.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = self.markdown();
        print!("{text}");
        fs::write(path, text)?;
        fs::write(path.with_extension("json"), serde_json::to_string_pretty(self)? + "\n")
    }
}

fn is_of(name: &str, protocol: &str) -> bool {
    match protocol {
        "" => true,
        "smb" => name.contains("smb"),
        _ => name.contains("sftp") || name == "sshfs",
    }
}

fn rate(row: &Row, seconds: f64, amount: f64) -> f64 {
    if row.unit == "s" { seconds } else { amount / seconds }
}

fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
