//! A table of the report, and the figures behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Section {
    title: String,
    about: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
    /// By name: every single figure.
    figures: BTreeMap<String, Vec<f64>>,
}

impl Section {
    pub(super) fn new(title: &str, about: &str, head: &[&str]) -> Section {
        let head = head.iter().map(|word| (*word).to_owned()).collect();
        Section { title: title.into(), about: about.into(), head, ..Section::default() }
    }

    /// Keeps a figure.
    pub(super) fn add(&mut self, name: &str, figure: f64) {
        self.figures.entry(name.to_owned()).or_default().push(figure);
    }

    /// Keeps a time, in milliseconds.
    pub(super) fn took(&mut self, name: &str, time: Duration) {
        self.add(name, time.as_secs_f64() * 1000.0);
    }

    /// The middle of all that was kept under a name; not a number where nothing was.
    pub(super) fn median(&self, name: &str) -> f64 {
        let mut all = self.figures.get(name).cloned().unwrap_or_default();
        all.sort_by(f64::total_cmp);
        match all.len() {
            0 => f64::NAN,
            count => (all[(count - 1) / 2] + all[count / 2]) / 2.0,
        }
    }

    /// The largest of all that was kept under a name.
    pub(super) fn worst(&self, name: &str) -> f64 {
        self.figures.get(name).into_iter().flatten().copied().fold(f64::NAN, f64::max)
    }

    pub(super) fn row(&mut self, cells: &[&str]) {
        self.rows.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
    }

    /// What a reader must know, or what did not work.
    pub(super) fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }

    pub(crate) fn markdown(&self, text: &mut String) {
        let _ = writeln!(text, "\n## {}\n\n{}\n", self.title, self.about);
        let _ = writeln!(text, "| {} |\n|{}", self.head.join(" | "), "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "- {}", note.replace('\n', " "));
        }
    }
}

/// Milliseconds for people.
pub(super) fn ms(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value < 1.0 => format!("{value:.3} ms"),
        value if value < 100.0 => format!("{value:.1} ms"),
        value => format!("{value:.0} ms"),
    }
}

/// A ratio for people.
pub(super) fn times(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value < 0.1 => format!("{value:.4}"),
        value => format!("{value:.2}"),
    }
}
