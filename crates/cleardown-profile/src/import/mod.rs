//! Entries of other programs: Windows' `rasphone.pbk` and wg-quick's files. Pure functions from bytes to entries; what
//! cannot be carried over is named, entry by entry.

mod modem;
mod pbk;
mod text;
mod wireguard;

use cleardown_core::link::Entry;
use cleardown_core::{Error, ErrorKind};
use zeroize::Zeroizing;

pub use pbk::rasphone;
pub use wireguard::wg_quick;

/// The longest file that is looked at, in bytes.
pub const LONGEST: usize = 4 * 1024 * 1024;

/// What a file had in it.
#[derive(Debug, Default)]
pub struct Import {
    /// What becomes an entry.
    pub entries: Vec<Imported>,
    /// What does not.
    pub skipped: Vec<Skipped>,
}

/// An entry out of another program's file.
#[derive(Debug)]
pub struct Imported {
    /// The entry.
    pub entry: Entry,
    /// Its secret, if the file has it.
    pub secret: Option<Zeroizing<String>>,
    /// What could not be carried over, and what was assumed.
    pub remarks: Remarks,
}

/// What somebody should know who imports an entry, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// What could not be carried over.
    pub left: Vec<String>,
    /// What the file does not say and was assumed.
    pub assumed: Vec<String>,
}

/// Something that cannot become an entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the file.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

/// Why a file as a whole makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// The line, from 1; 0 when it is the whole file.
    pub line: usize,
    /// Why, in words; never with a secret.
    pub why: String,
}

impl Bad {
    fn new(line: usize, why: impl Into<String>) -> Bad {
        Bad { line, why: why.into() }
    }

    /// The error for the file of this name.
    pub fn in_file(self, file: &str) -> Error {
        let at = match self.line {
            0 => file.to_owned(),
            line => format!("{file}:{line}"),
        };
        ErrorKind::Import { at, why: self.why }.into()
    }
}
