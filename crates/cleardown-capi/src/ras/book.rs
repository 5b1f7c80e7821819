//! The phone book: RasEnumEntries, RasValidateEntryName, RasRenameEntry, RasDeleteEntry.

use cleardown_core::link::{Entry, EntryName};
use cleardown_core::{Code, ErrorKind, Result as CoreResult};
use cleardown_profile::{Found, PhoneBooks, Secrets, Whose, secrets};

use super::list;
use super::types::{PATH, RasEntryName};
use crate::Failure;
use crate::memory::{Plain, Ptr, Str};
use crate::text::{Unit, field};

/// ERROR_CANNOT_OPEN_PHONEBOOK: there are no others than the default ones.
const NO_SUCH_BOOK: Code = Code(621);
/// REN_AllUsers.
const ALL_USERS: u32 = 1;

/// The user's phone books. Only the default ones can be named: with NULL.
///
/// # Errors
/// 621: another one was named. 625: there is no place for one.
pub(super) fn books<C: Unit>(path: Str<C>) -> Result<PhoneBooks, Failure> {
    let path = path.read(PATH).map_err(|_| NO_SUCH_BOOK)?;
    if path.is_some_and(|path| !path.is_empty()) {
        return Err(NO_SUCH_BOOK.into());
    }
    PhoneBooks::of_process().map_err(|_| Code::CORRUPT_PHONEBOOK.into())
}

/// An entry's name.
///
/// # Errors
/// 87: there is none. 123: it is not one.
pub(super) fn name<C: Unit>(name: Str<C>) -> Result<EntryName, Failure> {
    let text = name.read(EntryName::LONGEST).map_err(|_| Code(123))?.ok_or(Code::INVALID_PARAMETER)?;
    text.parse().map_err(Failure::from)
}

/// The entry of a name.
///
/// # Errors
/// 623: there is none. 625: its file is damaged.
pub(super) fn find(books: &PhoneBooks, name: &EntryName) -> Result<Found, Failure> {
    books.find(name).map_err(|error| super::as_ras(error.into()))
}

/// The user's own entry of a name, to change it: another's is not changed.
///
/// # Errors
/// As [`find`]; 5: it is the system's.
pub(super) fn own(books: &PhoneBooks, name: &EntryName) -> Result<Entry, Failure> {
    match books.own().get(name).map_err(|error| super::as_ras(error.into()))? {
        Some(entry) => Ok(entry),
        None => find(books, name).and(Err(Code::ACCESS_DENIED.into())),
    }
}

/// Has the outcome of a write as RAS says it: 624.
pub(super) fn written<T>(outcome: CoreResult<T>) -> Result<T, Failure> {
    outcome.map_err(|error| match error.kind {
        ErrorKind::Os { .. } => Code::CANNOT_WRITE_PHONEBOOK.into(),
        _ => super::as_ras(error.into()),
    })
}

/// The passwords of the user's own entries.
pub(super) fn passwords() -> Result<Secrets, Failure> {
    let config = cleardown_profile::config_dir().map_err(|_| Code::CORRUPT_PHONEBOOK)?;
    Ok(Secrets::new(&config, secrets::Bus::Session))
}

/// RasEnumEntries: all entries, the user's and the system's.
///
/// # Errors
/// 87, 603, 621, 625, 632.
pub fn enumerate<C: Unit>(
    _reserved: Str<C>,
    path: Str<C>,
    buffer: Ptr<RasEntryName<C>>,
    bytes: Ptr<u32>,
    count: Ptr<u32>,
) -> Result<(), Failure> {
    let loaded = books(path)?.load().map_err(|error| super::as_ras(error.into()))?;
    list::fill(&loaded.entries, buffer, bytes, count, |found| {
        let mut place = RasEntryName::zeroed();
        place.entry = field(found.entry.name.as_str());
        place.flags = if found.whose == Whose::System { ALL_USERS } else { 0 };
        place
    })
}

/// RasValidateEntryName: may a new entry have this name?
///
/// # Errors
/// 87; 123: it is no name; 183: there is an entry of this name.
pub fn validate<C: Unit>(path: Str<C>, wanted: Str<C>) -> Result<(), Failure> {
    let wanted = name(wanted)?;
    // A dot and a number is how a link is called that has no entry.
    if wanted.number().is_some() {
        return Err(Code(123).into());
    }
    match books(path)?.find(&wanted) {
        Ok(_) => Err(Code(183).into()),
        Err(error) if matches!(error.kind, ErrorKind::NoSuchEntry(_)) => Ok(()),
        Err(error) => Err(super::as_ras(error.into())),
    }
}

/// RasRenameEntry.
///
/// # Errors
/// 5, 87, 123, 183, 623, 624.
pub fn rename<C: Unit>(path: Str<C>, from: Str<C>, to: Str<C>) -> Result<(), Failure> {
    let books = books(path)?;
    let (from, to) = (name(from)?, name(to)?);
    own(&books, &from)?;
    let secrets = passwords()?;
    written(books.own().rename(&from, &to))?;
    // The password follows its entry.
    written(crate::session::wait(async {
        if let Some(secret) = secrets.get(secrets::Owner::Link(&from)).await? {
            secrets.put(secrets::Owner::Link(&to), &secret).await?;
            secrets.remove(secrets::Owner::Link(&from)).await?;
        }
        Ok(())
    }))
}

/// RasDeleteEntry: with its password.
///
/// # Errors
/// 5, 87, 123, 623, 624.
pub fn delete<C: Unit>(path: Str<C>, entry: Str<C>) -> Result<(), Failure> {
    let books = books(path)?;
    let entry = name(entry)?;
    own(&books, &entry)?;
    let secrets = passwords()?;
    written(books.own().remove(&entry))?;
    written(crate::session::wait(async { secrets.remove(secrets::Owner::Link(&entry)).await }))?;
    Ok(())
}
