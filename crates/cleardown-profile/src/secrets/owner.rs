//! Whose password it is.

use std::fmt;

use cleardown_core::LocalName;
use cleardown_core::link::EntryName;

use crate::stem;

/// What a password belongs to. A drive and an entry of the same name have passwords of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A drive, by its local name.
    Drive(&'a LocalName),
    /// A phone-book entry. For WireGuard the "password" is all its keys, a line each.
    Link(&'a EntryName),
}

impl Owner<'_> {
    /// The file's name without its suffix. The name of a drive has no `+`.
    pub(super) fn file(self) -> String {
        match self {
            Owner::Drive(name) => name.stem(),
            Owner::Link(name) => {
                format!("link+{}", stem::encode(&name.key(), |c| c.is_alphanumeric() || "-_. ".contains(c)))
            }
        }
    }

    /// The name that systemd-creds seals into the file, so that one file cannot pass for another. It takes only
    /// ASCII there, and not `:` or `/`.
    pub(super) fn label(self) -> String {
        match self {
            Owner::Drive(name) => {
                let escaped = |byte: u8| match byte {
                    byte if byte.is_ascii() => char::from(byte).to_string(),
                    byte => format!("={byte:02x}"),
                };
                format!("cleardown-{}", name.stem().bytes().map(escaped).collect::<String>())
            }
            Owner::Link(name) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                format!("cleardown+link-{}", stem::encode(&name.key(), plain))
            }
        }
    }

    /// What finds it again in a Secret Service, beside the profile.
    pub(super) fn attribute(self) -> (&'static str, String) {
        match self {
            Owner::Drive(name) => ("name", name.stem()),
            Owner::Link(name) => ("entry", name.key()),
        }
    }

    /// What a key ring's program shows.
    pub(super) fn title(self) -> String {
        match self {
            Owner::Drive(name) => format!("Network drive {name}"),
            Owner::Link(name) => format!("Link {name}"),
        }
    }
}

impl<'a> From<&'a LocalName> for Owner<'a> {
    fn from(name: &'a LocalName) -> Self {
        Owner::Drive(name)
    }
}

impl<'a> From<&'a EntryName> for Owner<'a> {
    fn from(name: &'a EntryName) -> Self {
        Owner::Link(name)
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Drive(name) => name.fmt(f),
            Owner::Link(name) => name.fmt(f),
        }
    }
}
