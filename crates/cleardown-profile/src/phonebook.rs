//! The phone book: one TOML file for each entry, in `phonebook/` below the profile's folder. An entry never holds a
//! secret, so everybody may read the system's.

use std::path::{Path, PathBuf};

use cleardown_core::link::{Dialling, Entry, EntryName, Network, Ppp};
use cleardown_core::{Error, ErrorKind, Result};
use toml_edit::DocumentMut;

use crate::files::Access;
use crate::place;
use crate::stem;
use crate::store::{Kept, Loaded, Store};

impl Kept for Entry {
    const FOLDER: &'static str = "phonebook";
    const HEADER: &'static str =
        "# A phone-book entry of cleardown; `cleardown phonebook edit` checks what you change.\n";
    const ACCESS: Access = Access::Everybody;

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn stem(&self) -> String {
        stem_of(&self.name)
    }

    fn shorten(&self, file: &mut DocumentMut) {
        let usual = [
            ("ppp", self.ppp == Ppp::default()),
            ("network", self.network == Network::default()),
            ("dialling", self.dialling == Dialling::default()),
        ];
        for (table, _) in usual.iter().filter(|(_, usual)| *usual) {
            file.remove(table);
        }
    }
}

fn stem_of(name: &EntryName) -> String {
    stem::encode(&name.key(), |c| c.is_alphanumeric() || "-_. ".contains(c))
}

/// The phone book of one profile. Names are compared without regard to case.
#[derive(Clone, Debug)]
pub struct PhoneBook(Store<Entry>);

impl PhoneBook {
    /// The phone book of the profile in `config`; nothing is read or made yet.
    pub fn new(config: &Path) -> Self {
        PhoneBook(Store::new(config))
    }

    /// The folder of entries below a profile's.
    pub const FOLDER: &'static str = <Entry as Kept>::FOLDER;

    /// The phone book whose entries lie in this folder itself; nothing is read or made yet.
    pub fn in_folder(folder: &Path) -> Self {
        PhoneBook(Store::in_folder(folder))
    }

    /// The folder in which the entries lie.
    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// All entries. One damaged file does not keep the others from being read.
    pub fn load(&self) -> Result<Loaded<Entry>> {
        self.0.load()
    }

    /// The entry of this name, or none.
    pub fn get(&self, name: &EntryName) -> Result<Option<Entry>> {
        self.0.get(&stem_of(name))
    }

    /// Writes an entry in place of the one of the same name. Comments in its file, and fields that this version does not
    /// know, are kept.
    ///
    /// # Errors
    /// [`ErrorKind::BadEntryName`]: the name of a link that was dialled by number alone.
    pub fn put(&self, entry: &Entry) -> Result<()> {
        allowed(&entry.name)?;
        self.0.put(entry)
    }

    /// Gives an entry another name, and keeps everything else in its file.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchEntry`]; [`ErrorKind::EntryExists`]: the new name is taken.
    pub fn rename(&self, from: &EntryName, to: &EntryName) -> Result<()> {
        allowed(to)?;
        let old = self.get(from)?.ok_or_else(|| Error::from(ErrorKind::NoSuchEntry(from.to_string())))?;
        // Another way of writing the same name is no other entry.
        if from != to && self.0.text(&stem_of(to))?.is_some() {
            return Err(ErrorKind::EntryExists(to.to_string()).into());
        }
        self.0.rename(&old, &Entry { name: to.clone(), ..old.clone() })
    }

    /// Removes an entry; true when there was one. A damaged file is removed too.
    pub fn remove(&self, name: &EntryName) -> Result<bool> {
        self.0.remove(&stem_of(name))
    }

    /// The text of the entry's file, also when it is damaged; none when there is no file.
    pub fn text(&self, name: &EntryName) -> Result<Option<String>> {
        self.0.text(&stem_of(name))
    }

    /// What `text` would be as the file of this entry.
    ///
    /// # Errors
    /// [`ErrorKind::Profile`] with line and column.
    pub fn parse(&self, name: &EntryName, text: &str) -> Result<Entry> {
        self.0.parse(&stem_of(name), text)
    }

    /// Puts `text` into the file of this entry as it is, if it is one.
    ///
    /// # Errors
    /// [`ErrorKind::Profile`] with line and column; nothing is written then.
    pub fn put_text(&self, name: &EntryName, text: &str) -> Result<Entry> {
        allowed(name)?;
        let entry = self.parse(name, text)?;
        self.0.put_text(&stem_of(name), text)?;
        Ok(entry)
    }

    /// Where the entry's file is, or would be.
    pub fn path(&self, name: &EntryName) -> PathBuf {
        self.0.path(&stem_of(name))
    }
}

/// A name with a dot in front stands for a number, and not for an entry.
fn allowed(name: &EntryName) -> Result<()> {
    match name.number() {
        Some(_) => Err(ErrorKind::BadEntryName(name.to_string()).into()),
        None => Ok(()),
    }
}

/// Whose phone book an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The user's.
    User,
    /// The system's.
    System,
}

/// An entry, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In whose phone book.
    pub whose: Whose,
    /// The entry.
    pub entry: Entry,
}

/// The phone books that a user has: their own, and the system's behind it.
#[derive(Clone, Debug)]
pub struct PhoneBooks {
    own: (Whose, PhoneBook),
    system: Option<PhoneBook>,
}

impl PhoneBooks {
    /// Those of this process's user. For root, and where `CLEARDOWN_CONFIG_DIR` makes a world of its own, there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Profile`]: the user has no folder.
    pub fn of_process() -> Result<Self> {
        let own = PhoneBook::new(&place::config_dir()?);
        if rustix::process::geteuid().is_root() {
            return Ok(PhoneBooks { own: (Whose::System, own), system: None });
        }
        let moved = std::env::var_os("CLEARDOWN_CONFIG_DIR").is_some();
        let system = (!moved).then(|| PhoneBook::new(Path::new(place::SYSTEM)));
        Ok(PhoneBooks { own: (Whose::User, own), system })
    }

    /// A user's and the system's, in these profiles.
    pub fn new(user: &Path, system: &Path) -> Self {
        PhoneBooks { own: (Whose::User, PhoneBook::new(user)), system: Some(PhoneBook::new(system)) }
    }

    /// The one that the user may write.
    pub fn own(&self) -> &PhoneBook {
        &self.own.1
    }

    /// The folder of the entries that are theirs.
    pub fn folder(&self, whose: Whose) -> &Path {
        let book = self.books().find(|(theirs, _)| *theirs == whose).map_or(self.own(), |(_, book)| book);
        book.folder()
    }

    /// Whose phone book is in this folder; none: it is neither.
    pub fn whose(&self, folder: &Path) -> Option<Whose> {
        self.books().find(|(_, book)| book.folder() == folder).map(|(whose, _)| whose)
    }

    /// The entry of this name, the user's before the system's.
    ///
    /// # Errors
    /// [`ErrorKind::Profile`]: its file is damaged; [`ErrorKind::NoSuchEntry`].
    pub fn find(&self, name: &EntryName) -> Result<Found> {
        for (whose, book) in self.books() {
            if let Some(entry) = book.get(name)? {
                return Ok(Found { whose, entry });
            }
        }
        Err(ErrorKind::NoSuchEntry(name.to_string()).into())
    }

    /// The text of the file in which [`PhoneBooks::find`] finds the entry.
    pub fn text(&self, name: &EntryName) -> Result<String> {
        for (_, book) in self.books() {
            if let Some(text) = book.text(name)? {
                return Ok(text);
            }
        }
        Err(ErrorKind::NoSuchEntry(name.to_string()).into())
    }

    /// All entries by name; the system's that the user's own hide are left out.
    pub fn load(&self) -> Result<Loaded<Found>> {
        let mut all = Loaded { entries: Vec::<Found>::new(), damaged: Vec::new() };
        for (whose, book) in self.books() {
            let loaded = book.load()?;
            all.damaged.extend(loaded.damaged);
            for entry in loaded.entries {
                if !all.entries.iter().any(|found| found.entry.name == entry.name) {
                    all.entries.push(Found { whose, entry });
                }
            }
        }
        all.entries.sort_by_cached_key(|found| found.entry.name.key());
        Ok(all)
    }

    fn books(&self) -> impl Iterator<Item = (Whose, &PhoneBook)> {
        let own = std::iter::once((self.own.0, &self.own.1));
        own.chain(self.system.iter().map(|book| (Whose::System, book)))
    }
}
