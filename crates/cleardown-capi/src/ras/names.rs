//! The names of entries: RasEnumEntries, RasValidateEntryName, RasRenameEntry, RasDeleteEntry.

use cleardown_core::Code;
use cleardown_profile::Whose;
use cleardown_profile::secrets::Owner;

use super::book::{Book, name, written};
use super::list;
use super::types::RasEntryName;
use crate::Failure;
use crate::memory::{Plain, Ptr, Str};
use crate::session;
use crate::text::{Unit, field};

/// REN_AllUsers.
const ALL_USERS: u32 = 1;

/// RasEnumEntries: all entries of a phone book; of the usual one, the user's and the system's.
///
/// # Errors
/// 87, 603, 621, 622, 625, 632.
pub fn enumerate<C: Unit>(
    _reserved: Str<C>,
    path: Str<C>,
    buffer: Ptr<RasEntryName<C>>,
    bytes: Ptr<u32>,
    count: Ptr<u32>,
) -> Result<(), Failure> {
    let book = Book::at(path)?;
    list::fill(&book.entries()?, buffer, bytes, count, |found| {
        let mut place = RasEntryName::zeroed();
        place.entry = field(found.entry.name.as_str());
        place.flags = if found.whose == Whose::System { ALL_USERS } else { 0 };
        place.phonebook = field(&book.place(found));
        place
    })
}

/// RasValidateEntryName: may a new entry have this name?
///
/// # Errors
/// 87; 123: it is no name; 183: there is an entry of this name; 621, 622.
pub fn validate<C: Unit>(path: Str<C>, wanted: Str<C>) -> Result<(), Failure> {
    let wanted = name(wanted)?;
    // A dot and a number is how a link is called that has no entry.
    if wanted.number().is_some() {
        return Err(Code(123).into());
    }
    match Book::at(path)?.find(&wanted) {
        Ok(_) => Err(Code(183).into()),
        Err(failure) if failure.code() == Code::CANNOT_FIND_PHONEBOOK_ENTRY => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// RasRenameEntry.
///
/// # Errors
/// 5, 87, 123, 183, 621 to 624.
pub fn rename<C: Unit>(path: Str<C>, from: Str<C>, to: Str<C>) -> Result<(), Failure> {
    let book = Book::at(path)?;
    let (from, to) = (name(from)?, name(to)?);
    book.own(&from)?;
    let secrets = book.passwords()?;
    written(book.writable()?.rename(&from, &to))?;
    let Some(secrets) = secrets else { return Ok(()) };
    // The password follows its entry.
    written(session::wait(async {
        if let Some(secret) = secrets.get(Owner::Link(&from)).await? {
            secrets.put(Owner::Link(&to), &secret).await?;
            secrets.remove(Owner::Link(&from)).await?;
        }
        Ok(())
    }))
}

/// RasDeleteEntry: with its password.
///
/// # Errors
/// 5, 87, 123, 621 to 624.
pub fn delete<C: Unit>(path: Str<C>, entry: Str<C>) -> Result<(), Failure> {
    let book = Book::at(path)?;
    let entry = name(entry)?;
    book.own(&entry)?;
    let secrets = book.passwords()?;
    written(book.writable()?.remove(&entry))?;
    if let Some(secrets) = secrets {
        written(session::wait(async { secrets.remove(Owner::Link(&entry)).await }))?;
    }
    Ok(())
}
