//! The journal of intent: what will have to be undone, noted before it is done.
//!
//! One file per connection, `DIR/<id>.json`, written so that a crash at any instant leaves the old record or the
//! new one. Records carry the boot's id: after a reboot nothing of what they speak of exists, and they are
//! thrown away. So nothing waits for a disk: what the kernel knows of the files outlives every process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest record that is read, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// A journal whose records are `R`: for instance the steps to undo, in order.
#[derive(Debug)]
pub struct Journal<R> {
    dir: PathBuf,
    boot: String,
    _records: PhantomData<fn(R)>,
}

#[derive(Serialize, Deserialize)]
struct Stamped<T> {
    boot: String,
    record: T,
}

/// What [`Journal::read`] finds.
#[derive(Debug)]
pub struct Contents<R> {
    /// Records of this boot, by id.
    pub records: Vec<(String, R)>,
    /// Files that are no records, set aside as `*.bad`, and why.
    pub damaged: Vec<(PathBuf, String)>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal, making its folder (mode 0700) when it is missing.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Journal { dir, boot: crate::process::boot_id()?, _records: PhantomData })
    }

    /// Notes what is intended for this connection, in place of what was noted before. When this returns, the
    /// record survives a crash of the process.
    ///
    /// # Errors
    /// `InvalidInput` for an id that could be no file name; what the file system answers.
    pub fn write(&self, id: &str, record: &R) -> io::Result<()> {
        let path = self.path(id)?;
        let temporary = path.with_extension("tmp");
        let bytes = serde_json::to_vec(&Stamped { boot: self.boot.clone(), record })?;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        fs::rename(&temporary, &path)
    }

    /// Forgets the connection: nothing is left to undo.
    ///
    /// # Errors
    /// As for [`Journal::write`]; a record that is not there is none.
    pub fn erase(&self, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads all records of this boot, and clears away what other boots and crashes have left.
    ///
    /// # Errors
    /// What reading the folder answers.
    pub fn read(&self) -> io::Result<Contents<R>> {
        let mut contents = Contents { records: Vec::new(), damaged: Vec::new() };
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            match (path.extension().and_then(|e| e.to_str()), id) {
                (Some("tmp"), _) => fs::remove_file(&path)?,
                (Some("json"), Some(id)) => match self.read_record(&path) {
                    Ok(Some(record)) => contents.records.push((id, record)),
                    Ok(None) => fs::remove_file(&path)?,
                    Err(error) => {
                        let aside = path.with_extension("bad");
                        fs::rename(&path, &aside)?;
                        contents.damaged.push((aside, error.to_string()));
                    }
                },
                _ => {}
            }
        }
        contents.records.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(contents)
    }

    fn read_record(&self, path: &Path) -> io::Result<Option<R>> {
        let file = File::open(path)?;
        if file.metadata()?.len() > MAX_RECORD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the record is too long"));
        }
        let text = io::read_to_string(file)?;
        // The boot first: a record of another boot may be of another version too.
        let stamped: Stamped<serde_json::Value> = serde_json::from_str(&text)?;
        if stamped.boot != self.boot {
            return Ok(None);
        }
        Ok(Some(serde_json::from_value(stamped.record)?))
    }

    fn path(&self, id: &str) -> io::Result<PathBuf> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > 200 || id.starts_with('.') || !id.chars().all(plain) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the id cannot be a file's name"));
        }
        Ok(self.dir.join(format!("{id}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Step {
        Folder(PathBuf),
        Mount { at: PathBuf },
    }

    fn journal() -> (tempfile::TempDir, Journal<Vec<Step>>) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path().join("journal")).unwrap();
        (dir, journal)
    }

    #[test]
    fn the_last_record_counts_until_it_is_erased() {
        let (_dir, journal) = journal();
        journal.write("z", &vec![Step::Folder("/n/z".into())]).unwrap();
        let steps = vec![Step::Folder("/n/z".into()), Step::Mount { at: "/n/z".into() }];
        journal.write("z", &steps).unwrap();
        assert_eq!(journal.read().unwrap().records, [("z".to_owned(), steps)]);
        journal.erase("z").unwrap();
        journal.erase("z").unwrap();
        assert!(journal.read().unwrap().records.is_empty());
    }

    #[test]
    fn another_boot_is_history_and_damage_is_set_aside() {
        let (_dir, journal) = journal();
        fs::write(journal.dir.join("old.json"), r#"{"boot":"yesterday","record":{"odd":1}}"#).unwrap();
        fs::write(journal.dir.join("cut.json"), r#"{"boot":"#).unwrap();
        fs::write(journal.dir.join("half.tmp"), "{").unwrap();
        let contents = journal.read().unwrap();
        assert!(contents.records.is_empty());
        assert_eq!(contents.damaged.len(), 1);
        let mut left: Vec<_> = fs::read_dir(&journal.dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["cut.bad"]);
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        let (_dir, journal) = journal();
        for bad in ["", "..", "a/b", ".x", "a\0"] {
            assert!(journal.write(bad, &Vec::new()).is_err(), "{bad:?}");
        }
    }
}
