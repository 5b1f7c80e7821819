//! The JSON of the command line: version 1, described by `schema/v1.json`. What is in `cleardown_core::view` is
//! printed as it is; these are the envelopes that only the command line has.

use cleardown_core::link::Entry;
use cleardown_core::view::{Connection, Holder, JSON_VERSION};
use cleardown_core::{Error, Result};
use cleardown_kernel::ports::{Port, PortKind};
use cleardown_profile::{Found, Loaded, Whose};
use serde::Serialize;

use crate::devices;
use crate::ui::Ui;

/// `status --json` and `map --json`.
#[derive(Debug, Serialize)]
pub(crate) struct One<'a> {
    version: u32,
    connection: &'a Connection,
}

impl<'a> One<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        One { version: JSON_VERSION, connection }
    }
}

/// `holders --json`.
#[derive(Debug, Serialize)]
pub(crate) struct HolderList<'a> {
    version: u32,
    name: &'a str,
    holders: &'a [Holder],
    unseen: &'a [String],
}

impl<'a> HolderList<'a> {
    pub(crate) fn new(name: &'a str, holders: &'a [Holder], unseen: &'a [String]) -> Self {
        HolderList { version: JSON_VERSION, name, holders, unseen }
    }
}

/// `restore --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Restored<'a> {
    version: u32,
    restored: Vec<&'a Connection>,
    failed: Vec<Failed<'a>>,
}

#[derive(Debug, Serialize)]
struct Failed<'a> {
    name: &'a str,
    code: u32,
    reason: String,
    error: &'a Error,
}

impl<'a> Restored<'a> {
    pub(crate) fn new(outcomes: &'a [(String, Result<Connection>)]) -> Self {
        let restored = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
        Restored { version: JSON_VERSION, restored, failed: failed(outcomes) }
    }
}

fn failed<T>(outcomes: &[(String, Result<T>)]) -> Vec<Failed<'_>> {
    let failures = outcomes.iter().filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
    failures
        .map(|(name, error)| Failed { name, code: error.code().0, reason: error.to_string(), error })
        .collect()
}

fn done(outcomes: &[(String, Result<()>)]) -> Vec<&str> {
    outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(name, _)| name.as_str()).collect()
}

/// `forget --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Forgotten<'a> {
    version: u32,
    forgotten: Vec<&'a str>,
    failed: Vec<Failed<'a>>,
}

impl<'a> Forgotten<'a> {
    pub(crate) fn new(outcomes: &'a [(String, Result<()>)]) -> Self {
        Forgotten { version: JSON_VERSION, forgotten: done(outcomes), failed: failed(outcomes) }
    }
}

/// `remember --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Remembered<'a> {
    version: u32,
    remembered: Vec<&'a str>,
    failed: Vec<Failed<'a>>,
}

impl<'a> Remembered<'a> {
    pub(crate) fn new(outcomes: &'a [(String, Result<()>)]) -> Self {
        Remembered { version: JSON_VERSION, remembered: done(outcomes), failed: failed(outcomes) }
    }
}

/// An entry of the phone book, with whose it is and what is wrong with it.
#[derive(Debug, Serialize)]
struct BookEntry<'a> {
    book: &'static str,
    entry: &'a Entry,
    problems: Vec<String>,
}

impl<'a> BookEntry<'a> {
    fn new(found: &'a Found) -> Self {
        let book = match found.whose {
            Whose::User => "own",
            Whose::System => "system",
        };
        BookEntry { book, entry: &found.entry, problems: found.entry.problems() }
    }
}

/// `phonebook list --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Book<'a> {
    version: u32,
    entries: Vec<BookEntry<'a>>,
    damaged: Vec<&'a Error>,
}

impl<'a> Book<'a> {
    pub(crate) fn new(loaded: &'a Loaded<Found>) -> Self {
        let entries = loaded.entries.iter().map(BookEntry::new).collect();
        Book {
            version: JSON_VERSION,
            entries,
            damaged: loaded.damaged.iter().map(|damaged| &damaged.error).collect(),
        }
    }
}

/// `phonebook show --json`.
#[derive(Debug, Serialize)]
pub(crate) struct OneEntry<'a> {
    version: u32,
    #[serde(flatten)]
    entry: BookEntry<'a>,
}

impl<'a> OneEntry<'a> {
    pub(crate) fn new(found: &'a Found) -> Self {
        OneEntry { version: JSON_VERSION, entry: BookEntry::new(found) }
    }
}

/// `phonebook devices --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Devices {
    version: u32,
    devices: Vec<PortDevice>,
}

#[derive(Debug, Serialize)]
struct PortDevice {
    name: String,
    port: String,
    kind: &'static str,
    description: String,
}

impl Devices {
    pub(crate) fn new(ports: &[Port]) -> Self {
        let device = |(index, port): (usize, &Port)| PortDevice {
            name: devices::name(index),
            port: format!("/dev/{}", port.tty),
            kind: match port.kind {
                PortKind::Modem => "modem",
                PortKind::Serial => "serial",
            },
            description: port.title.clone(),
        };
        Devices { version: JSON_VERSION, devices: ports.iter().enumerate().map(device).collect() }
    }
}

/// Prints one document, indented for people.
pub(crate) fn print(ui: &mut Ui, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(unlikely)?;
    ui.data(text);
    Ok(())
}

/// One document on one line, for streams.
pub(crate) fn line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(unlikely)
}

fn unlikely(error: serde_json::Error) -> Error {
    Error::os("writing JSON", &error.into())
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
