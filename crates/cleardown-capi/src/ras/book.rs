//! The phone books that a caller may name.

use std::path::{Path, PathBuf};

use cleardown_core::link::{Entry, EntryName};
use cleardown_core::{Code, Error, ErrorKind, Result as CoreResult};
use cleardown_profile::{Found, PhoneBook, PhoneBooks, Secrets, Whose, import, secrets};

use super::types::PATH;
use crate::Failure;
use crate::memory::Str;
use crate::session;
use crate::text::Unit;

/// ERROR_CANNOT_LOAD_PHONEBOOK: the file is none that Windows wrote.
const NO_BOOK: Code = Code(622);

/// A phone book.
pub(super) enum Book {
    /// The usual ones (NULL): the user's own, and the system's behind it.
    Usual(PhoneBooks),
    /// A folder of entries like theirs. Passwords belong to entries of the usual ones only.
    Folder(PathBuf, PhoneBook),
    /// A file that Windows wrote (`rasphone.pbk`). It is only read.
    File(PathBuf, Vec<Entry>),
}

impl Book {
    /// The book at this path: a folder of entries, or a file that Windows wrote; NULL and "" are the usual ones.
    ///
    /// # Errors
    /// 621: there is nothing. 622: it is no phone book. 625: there is no place for the usual one.
    pub(super) fn at<C: Unit>(path: Str<C>) -> Result<Book, Failure> {
        let path = path.read(PATH).map_err(|_| Code::CANNOT_OPEN_PHONEBOOK)?.filter(|path| !path.is_empty());
        let usual = || PhoneBooks::of_process().map_err(|_| Failure::from(Code::CORRUPT_PHONEBOOK));
        let Some(path) = path.map(PathBuf::from) else { return usual().map(Book::Usual) };
        let kind = std::fs::metadata(&path).map_err(|_| Code::CANNOT_OPEN_PHONEBOOK)?;
        let own = cleardown_profile::config_dir().map(|config| config.join(PhoneBook::FOLDER));
        if own.is_ok_and(|own| same_file(&own, &path)) {
            return usual().map(Book::Usual);
        }
        if kind.is_dir() {
            return Ok(Book::Folder(path.clone(), PhoneBook::in_folder(&path)));
        }
        let entries = if kind.is_file() { windows_book(&path)? } else { return Err(NO_BOOK.into()) };
        Ok(Book::File(path, entries))
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// 623: there is none. 625: its file is damaged.
    pub(super) fn find(&self, name: &EntryName) -> Result<Found, Failure> {
        let found = match self {
            Book::Usual(books) => books.find(name).map(Some),
            Book::Folder(_, book) => book.get(name).map(|entry| entry.map(own)),
            Book::File(_, entries) => Ok(entries.iter().find(|entry| entry.name == *name).cloned().map(own)),
        };
        let found = found.map_err(|error| super::as_ras(error.into()))?;
        let missing = || Error::from(ErrorKind::NoSuchEntry(name.to_string()));
        found.ok_or_else(|| super::as_ras(missing().into()))
    }

    /// All entries.
    ///
    /// # Errors
    /// 625: they cannot be read.
    pub(super) fn entries(&self) -> Result<Vec<Found>, Failure> {
        let bad = |error: Error| super::as_ras(error.into());
        Ok(match self {
            Book::Usual(books) => books.load().map_err(bad)?.entries,
            Book::Folder(_, book) => book.load().map_err(bad)?.entries.into_iter().map(own).collect(),
            Book::File(_, entries) => entries.iter().cloned().map(own).collect(),
        })
    }

    /// Where an entry is written: a path that leads here again, also from another folder.
    pub(super) fn place(&self, found: &Found) -> String {
        let place = match self {
            Book::Usual(books) => books.folder(found.whose),
            Book::Folder(path, _) | Book::File(path, _) => path,
        };
        std::path::absolute(place).as_deref().unwrap_or(place).display().to_string()
    }

    /// The book, to be changed.
    ///
    /// # Errors
    /// 624: it is a file that Windows wrote.
    pub(super) fn writable(&self) -> Result<&PhoneBook, Failure> {
        match self {
            Book::Usual(books) => Ok(books.own()),
            Book::Folder(_, book) => Ok(book),
            Book::File(..) => Err(Code::CANNOT_WRITE_PHONEBOOK.into()),
        }
    }

    /// The caller's own entry of a name, to change it: another's is not changed.
    ///
    /// # Errors
    /// As [`Book::find`] and [`Book::writable`]; 5: it is the system's.
    pub(super) fn own(&self, name: &EntryName) -> Result<Entry, Failure> {
        match self.writable()?.get(name).map_err(|error| super::as_ras(error.into()))? {
            Some(entry) => Ok(entry),
            None => self.find(name).and(Err(Code::ACCESS_DENIED.into())),
        }
    }

    /// The passwords of the caller's own entries; none where a book has none.
    ///
    /// # Errors
    /// 625: there is no place for them.
    pub(super) fn passwords(&self) -> Result<Option<Secrets>, Failure> {
        if !matches!(self, Book::Usual(_)) {
            return Ok(None);
        }
        let config = cleardown_profile::config_dir().map_err(|_| Code::CORRUPT_PHONEBOOK)?;
        Ok(Some(Secrets::new(&config, secrets::Bus::Session)))
    }

    /// The password of an entry, if one is saved.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn password(&self, name: &EntryName) -> Result<Option<zeroize::Zeroizing<String>>, Failure> {
        let Some(secrets) = self.passwords()? else { return Ok(None) };
        Ok(session::wait(async { secrets.get(secrets::Owner::Link(name)).await })?)
    }
}

fn own(entry: Entry) -> Found {
    Found { whose: Whose::User, entry }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn windows_book(path: &Path) -> Result<Vec<Entry>, Failure> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|_| Code::CANNOT_OPEN_PHONEBOOK)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that a longer file is seen to be too long.
    file.take(import::LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(|_| Code::CANNOT_OPEN_PHONEBOOK)?;
    let found = import::rasphone(&bytes).map_err(|_| NO_BOOK)?;
    Ok(found.entries.into_iter().map(|imported| imported.entry).collect())
}

/// The GUID of an entry, which its links have too: made of the phone book's path and the entry's name, for no file keeps one (RFC
/// 9562, version 8).
pub(super) fn guid(place: &str, name: &EntryName) -> [u32; 4] {
    // FNV-1a with 128 bits: names need to be told apart, and nobody tries to forge one.
    let octets = place.bytes().chain([0]).chain(name.key().into_bytes());
    let hash = octets.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, octet| {
        (hash ^ u128::from(octet)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let part = |at: u32| ((hash >> (at * 32)) & 0xffff_ffff) as u32;
    // The version is in the upper half of Data3, the variant in the first octet of Data4.
    [part(3), (part(2) & 0x0fff_ffff) | 0x8000_0000, (part(1) & !0xc0) | 0x80, part(0)]
}

/// An entry's name.
///
/// # Errors
/// 87: there is none. 123: it is not one.
pub(super) fn name<C: Unit>(name: Str<C>) -> Result<EntryName, Failure> {
    let text = name.read(EntryName::LONGEST).map_err(|_| Code(123))?.ok_or(Code::INVALID_PARAMETER)?;
    text.parse().map_err(Failure::from)
}

/// Has the outcome of a write as RAS says it: 624.
pub(super) fn written<T>(outcome: CoreResult<T>) -> Result<T, Failure> {
    outcome.map_err(|error| match error.kind {
        ErrorKind::ProfileFile(_) => Code::CANNOT_WRITE_PHONEBOOK.into(),
        _ => super::as_ras(error.into()),
    })
}
