//! A folder with one readable TOML file for each thing that is remembered.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use cleardown_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml_edit::{DocumentMut, Item, TableLike};

use crate::files::{self, Access};

const SUFFIX: &str = ".toml";

/// What is kept one a file.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    /// The folder, below the profile's.
    const FOLDER: &'static str;
    /// What a new file starts with: comments for whoever reads it.
    const HEADER: &'static str;
    /// Who may read it.
    const ACCESS: Access;

    /// The name as the user wrote it.
    fn name(&self) -> &str;

    /// The file's name without its suffix. Names that are the same have the same one.
    fn stem(&self) -> String;

    /// Leaves out of a new file what would only repeat what holds anyway.
    fn shorten(&self, _file: &mut DocumentMut) {}
}

/// All that could be read, and an error for each file that could not.
#[derive(Debug)]
pub struct Loaded<T> {
    /// In the order of their files' names.
    pub entries: Vec<T>,
    /// In the same order.
    pub damaged: Vec<Damaged>,
}

/// A file that could not be read.
#[derive(Debug)]
pub struct Damaged {
    /// The file's name without its suffix, which is all that is known of what is in it.
    pub stem: String,
    /// It names the file, and the line and column where it is wrong.
    pub error: Error,
}

/// The files of one kind in one profile.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    folder: PathBuf,
    kind: PhantomData<fn() -> T>,
}

impl<T: Kept> Store<T> {
    /// The store in the profile `config`; nothing is read or made yet.
    pub(crate) fn new(config: &Path) -> Self {
        Store::in_folder(&config.join(T::FOLDER))
    }

    /// The store whose files lie in `folder` itself.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Store { folder: folder.to_owned(), kind: PhantomData }
    }

    /// Where its files lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything. One damaged file does not keep the others from being read.
    pub(crate) fn load(&self) -> Result<Loaded<T>> {
        let mut loaded = Loaded { entries: Vec::new(), damaged: Vec::new() };
        for stem in files::names(&self.folder, SUFFIX)? {
            match self.get(&stem) {
                Ok(Some(entry)) => loaded.entries.push(entry),
                Ok(None) => {}
                Err(error) => loaded.damaged.push(Damaged { stem, error }),
            }
        }
        Ok(loaded)
    }

    /// The one in this file, or none.
    pub(crate) fn get(&self, stem: &str) -> Result<Option<T>> {
        self.text(stem)?.map(|text| self.parse(stem, &text)).transpose()
    }

    /// The file's text, or none.
    pub(crate) fn text(&self, stem: &str) -> Result<Option<String>> {
        let file = file_name(stem);
        let Some(bytes) = files::read(&self.folder, &file)? else { return Ok(None) };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(e) => {
                let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned();
                Err(self.damaged(&file, &position(&good, good.len()), "the text is not UTF-8"))
            }
        }
    }

    /// What `text` says, if it belongs into the file `stem`.
    pub(crate) fn parse(&self, stem: &str, text: &str) -> Result<T> {
        let file = file_name(stem);
        let value: T = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(String::new(), |span| position(text, span.start));
            self.damaged(&file, &at, e.message())
        })?;
        if value.stem() == stem {
            return Ok(value);
        }
        Err(self.damaged(&file, "", &format!("the name {} does not fit the file's name", value.name())))
    }

    /// Writes it in place of the one of the same name. In a file that was there, only what differs is changed: comments
    /// and fields that this version does not know stay.
    pub(crate) fn put(&self, value: &T) -> Result<()> {
        let stem = value.stem();
        let text = match self.text(&stem).ok().flatten() {
            Some(old) => self.revised(&stem, &old, value)?,
            None => self.fresh(value)?,
        };
        self.put_text(&stem, &text)
    }

    /// Writes this text, which [`Store::parse`] has seen.
    pub(crate) fn put_text(&self, stem: &str, text: &str) -> Result<()> {
        files::write(&self.folder, &file_name(stem), text.as_bytes(), T::ACCESS)
    }

    /// Moves `old`'s file to that of `new`, which differs from it.
    pub(crate) fn rename(&self, old: &T, new: &T) -> Result<()> {
        let text = self.text(&old.stem())?.unwrap_or_default();
        let text = revise(&text, old, new).map_or_else(|| self.fresh(new), Ok)?;
        self.put_text(&new.stem(), &text)?;
        if old.stem() != new.stem() {
            self.remove(&old.stem())?;
        }
        Ok(())
    }

    /// Removes the file; true when there was one. A damaged file is removed too.
    pub(crate) fn remove(&self, stem: &str) -> Result<bool> {
        files::remove(&self.folder, &file_name(stem))
    }

    /// The file's path.
    pub(crate) fn path(&self, stem: &str) -> PathBuf {
        self.folder.join(file_name(stem))
    }

    fn fresh(&self, value: &T) -> Result<String> {
        let mut file = document(value)
            .ok_or_else(|| self.damaged(&file_name(&value.stem()), "", "it cannot be written as TOML"))?;
        value.shorten(&mut file);
        Ok(format!("{}{file}", T::HEADER))
    }

    /// The old text with the new value; a damaged one is given up.
    fn revised(&self, stem: &str, text: &str, value: &T) -> Result<String> {
        let revised = self.parse(stem, text).ok().and_then(|old| revise(text, &old, value));
        revised.map_or_else(|| self.fresh(value), Ok)
    }

    fn damaged(&self, file: &str, position: &str, why: &str) -> Error {
        let at = format!("{}{position}", self.folder.join(file).display());
        ErrorKind::Profile { at, why: why.to_owned() }.into()
    }
}

fn file_name(stem: &str) -> String {
    format!("{stem}{SUFFIX}")
}

/// The value as a file of its own.
fn document(value: &impl Serialize) -> Option<DocumentMut> {
    toml::to_string(value).ok()?.parse().ok()
}

/// The text, changed where `new` differs from `old`.
fn revise<T: Serialize>(text: &str, old: &T, new: &T) -> Option<String> {
    let mut file: DocumentMut = text.parse().ok()?;
    let (was, now) = (toml::Table::try_from(old).ok()?, toml::Table::try_from(new).ok()?);
    apply(file.as_table_mut(), document(new)?.as_table(), &was, &now);
    Some(file.to_string())
}

/// Carries the difference between `was` and `now` into `to`, with the forms that `from` has.
fn apply(to: &mut dyn TableLike, from: &dyn TableLike, was: &toml::Table, now: &toml::Table) {
    for gone in was.keys().filter(|key| !now.contains_key(*key)) {
        to.remove(gone);
    }
    for (key, value) in now.iter().filter(|(key, value)| was.get(*key) != Some(value)) {
        let Some(new) = from.get(key) else { continue };
        match to.get_mut(key) {
            Some(slot) => change(slot, new, was.get(key), value),
            None => drop(to.insert(key, new.clone())),
        }
    }
}

fn change(slot: &mut Item, new: &Item, was: Option<&toml::Value>, now: &toml::Value) {
    if let (Some(to), Some(from), Some(was), Some(now)) =
        (slot.as_table_like_mut(), new.as_table_like(), was.and_then(toml::Value::as_table), now.as_table())
    {
        return apply(to, from, was, now);
    }
    let comments = slot.as_value().map(|value| value.decor().clone());
    *slot = new.clone();
    if let (Some(value), Some(comments)) = (slot.as_value_mut(), comments) {
        *value.decor_mut() = comments;
    }
}

/// `:line:column` of the byte `at`, both from 1, columns in characters.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    format!(":{line}:{}", before[line_start..].chars().count() + 1)
}
