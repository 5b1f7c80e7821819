//! Works with files at random, knows what each must be, and looks whether it is. An error is the application's to see,
//! and no loss; from then on nobody knows what became of the file.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use cleardown_tests::book::{Book, Modified, Promise, hash};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Files that a writer works with at a time.
const FILES: usize = 12;
/// Larger ones are emptied.
const LARGE: usize = 1 << 20;
/// So much is told of how a file came to be what it is not.
const HISTORY: usize = 20;

/// A file as its writer knows it.
struct Known {
    name: String,
    content: Vec<u8>,
    modified: Modified,
    /// What was done with it last.
    history: Vec<String>,
}

impl Known {
    fn new(name: String, content: Vec<u8>) -> Self {
        Known { name, content, modified: Modified::now(), history: Vec::new() }
    }

    fn did(&mut self, what: impl Into<String>) {
        if self.history.len() >= HISTORY {
            self.history.remove(0);
        }
        self.history.push(what.into());
    }
}

/// One who writes.
pub(crate) struct Writer<'a> {
    folder: &'a Path,
    number: u64,
    random: StdRng,
    files: Vec<Known>,
    names: usize,
    /// What fails if something does.
    doing: &'static str,
    /// What it is working on.
    pub(crate) current: Arc<Mutex<PathBuf>>,
    faults: &'a AtomicBool,
    /// What it was promised.
    pub(crate) book: Book,
}

impl<'a> Writer<'a> {
    /// A writer whose names begin with its number.
    pub(crate) fn new(folder: &'a Path, number: u64, seed: u64, faults: &'a AtomicBool) -> Self {
        let random = StdRng::seed_from_u64(seed ^ number << 32);
        let current = Arc::new(Mutex::new(folder.to_owned()));
        let (files, book) = Default::default();
        Writer { folder, number, random, files, names: 0, doing: "", current, faults, book }
    }

    /// Does something with a file, new or known.
    pub(crate) fn work(&mut self) {
        let worked = match self.files.len() {
            0 => self.make(),
            len if len < FILES && self.random.random_bool(0.3) => self.make(),
            len => {
                let file = self.random.random_range(0..len);
                let file = self.files.swap_remove(file);
                self.go_on_with(file)
            }
        };
        match worked {
            Ok(Some(file)) => self.files.push(file),
            Ok(None) => {}
            Err(error) => {
                self.book.failed(self.doing, &error);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn make(&mut self) -> io::Result<Option<Known>> {
        let file = Known::new(self.new_name(), Vec::new());
        self.use_open(file, OpenOptions::new().create_new(true), "create")
    }

    fn go_on_with(&mut self, mut file: Known) -> io::Result<Option<Known>> {
        self.begin(&file);
        let path = self.path(&file.name);
        // It is as it was left, whenever that was.
        self.doing = "stat before";
        self.look(&file, "before", &fs::metadata(&path)?, true);
        match self.random.random_range(0..16) {
            0..=2 => return self.use_open(file, &mut OpenOptions::new(), "open"),
            3 | 4 => return self.use_open(file, OpenOptions::new().append(true), "append"),
            5 => return self.use_open(file, OpenOptions::new().truncate(true), "truncate"),
            _ if file.content.len() > LARGE => {
                return self.use_open(file, OpenOptions::new().truncate(true), "truncate");
            }
            6 | 7 => self.read_back(&file, "read")?,
            8 => {
                file.did("set times by name");
                self.doing = "set times by name";
                let time = self.some_time();
                set_modified(&path, time)?;
                file.modified = Modified::Set(time);
            }
            9 => {
                let len = self.random.random_range(0..file.content.len() + 10_000);
                if len != file.content.len() {
                    file.did("set size by name");
                    file.modified = Modified::now();
                    self.doing = "set size by name";
                    truncate(&path, len)?;
                    file.content.resize(len, 0);
                }
            }
            10 => self.rename(&mut file)?,
            11 => self.rename_over(&mut file)?,
            // A server that was cut off from a dead worker may make a link once more after its name was removed.
            12 if !self.faults.load(Ordering::Relaxed) => self.link(&mut file)?,
            12..=14 => self.copy(&file)?,
            _ => {
                self.doing = "remove";
                fs::remove_file(&path)?;
                return self.is_gone(&file.name).map(|()| None);
            }
        }
        self.is_done(file).map(Some)
    }

    /// Opens a file, does this and that through the handle, and closes it.
    fn use_open(
        &mut self,
        mut file: Known,
        how: &mut OpenOptions,
        word: &'static str,
    ) -> io::Result<Option<Known>> {
        self.begin(&file);
        let (appends, readable) = (word == "append", self.random.random());
        file.did(if readable { format!("{word} to read, too") } else { word.to_owned() });
        if matches!(word, "truncate" | "create") {
            file.content.clear();
            file.modified = Modified::now();
        }
        self.doing = word;
        let mut open = how.write(true).read(readable).open(self.path(&file.name))?;
        let mut named = true;
        for _ in 0..self.random.random_range(0..8) {
            match self.random.random_range(0..16) {
                0..=5 => self.write(&mut file, &mut open, appends)?,
                6 => {
                    let len = self.random.random_range(0..file.content.len() + 10_000);
                    if len != file.content.len() {
                        file.did("set size");
                        file.modified = Modified::now();
                        self.doing = "set size";
                        open.set_len(len as u64)?;
                        file.content.resize(len, 0);
                    }
                }
                7 | 8 => {
                    file.did("set times");
                    let time = self.some_time();
                    self.doing = "set times";
                    open.set_modified(UNIX_EPOCH + Duration::from_secs(time))?;
                    file.modified = Modified::Set(time);
                }
                9 | 10 => self.look(&file, "through the handle", &open.metadata()?, false),
                11 if readable => {
                    let mut content = vec![0; file.content.len() + 1];
                    let len = read_at_most(&open, &mut content)?;
                    self.compare(&file, "through the handle", &content[..len]);
                }
                12 if named => self.look(&file, "beside", &fs::metadata(self.path(&file.name))?, false),
                13 if named => self.read_back(&file, "beside")?,
                14 if named => self.rename(&mut file)?,
                15 if named && self.random.random_bool(0.2) => {
                    file.did("remove");
                    self.doing = "remove open";
                    fs::remove_file(self.path(&file.name))?;
                    self.is_gone(&file.name)?;
                    named = false;
                }
                _ => {}
            }
        }
        if self.random.random_bool(0.3) {
            file.did("sync");
            self.doing = "sync";
            open.sync_all()?;
        }
        if !named {
            self.look(&file, "after it was removed", &open.metadata()?, false);
        }
        file.did("close");
        self.doing = "close";
        close(open)?;
        if named { self.is_done(file).map(Some) } else { Ok(None) }
    }

    /// Writes somewhere, or at the end, in pieces.
    fn write(&mut self, file: &mut Known, open: &mut File, appends: bool) -> io::Result<()> {
        let most = if self.random.random_bool(0.3) { 400_000 } else { 20_000 };
        let mut data = vec![0; self.random.random_range(1..most)];
        self.random.fill(&mut data[..]);
        let end = file.content.len();
        let mut at = if appends || self.random.random() { end } else { self.random.random_range(0..=end) };
        if !appends {
            open.seek(SeekFrom::Start(at as u64))?;
        }
        let mut rest = &data[..];
        while !rest.is_empty() {
            let len = rest.len().min(self.random.random_range(1..100_000));
            file.did(format!("write {len} at {at}"));
            file.modified = Modified::now();
            self.doing = "write";
            open.write_all(&rest[..len])?;
            file.content.resize(file.content.len().max(at + len), 0);
            file.content[at..at + len].copy_from_slice(&rest[..len]);
            (at, rest) = (at + len, &rest[len..]);
        }
        Ok(())
    }

    fn rename(&mut self, file: &mut Known) -> io::Result<()> {
        file.did("rename");
        let new = self.new_name();
        // One whose answer was lost may have happened.
        self.nobody_knows(&new);
        self.doing = "rename";
        fs::rename(self.path(&file.name), self.path(&new))?;
        let old = std::mem::replace(&mut file.name, new);
        self.begin(file);
        self.is_gone(&old)
    }

    fn rename_over(&mut self, file: &mut Known) -> io::Result<()> {
        let Some(over) = self.files.pop() else { return Ok(()) };
        file.did("rename over another");
        self.nobody_knows(&over.name);
        self.doing = "rename over another";
        fs::rename(self.path(&file.name), self.path(&over.name))?;
        let old = std::mem::replace(&mut file.name, over.name);
        self.is_gone(&old)
    }

    /// A second name; one of both goes again.
    fn link(&mut self, file: &mut Known) -> io::Result<()> {
        let new = self.new_name();
        self.nobody_knows(&new);
        let (from, to) = (self.path(&file.name), self.path(&new));
        self.doing = "link";
        match fs::hard_link(&from, &to) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP)) => {
                return Ok(());
            }
            linked => linked?,
        }
        file.did("link");
        self.look(file, "by the other name", &fs::metadata(&to)?, true);
        let gone = if self.random.random() { std::mem::replace(&mut file.name, new) } else { new };
        self.doing = "remove a link";
        fs::remove_file(self.path(&gone))?;
        self.is_gone(&gone)
    }

    /// As `cp -p` does it.
    fn copy(&mut self, file: &Known) -> io::Result<()> {
        let mut copy = Known::new(self.new_name(), file.content.clone());
        self.nobody_knows(&copy.name);
        self.doing = "copy";
        let mut from = File::open(self.path(&file.name))?;
        let mut to = OpenOptions::new().write(true).create_new(true).open(self.path(&copy.name))?;
        io::copy(&mut from, &mut to)?;
        if self.random.random_bool(0.7) {
            let time = self.some_time();
            to.set_modified(UNIX_EPOCH + Duration::from_secs(time))?;
            copy.modified = Modified::Set(time);
        }
        close(to)?;
        let copy = self.is_done(copy)?;
        self.files.push(copy);
        Ok(())
    }

    /// Work with a file begins: until it has ended well nobody knows what it is.
    fn begin(&mut self, file: &Known) {
        self.nobody_knows(&file.name);
        *self.current.lock().unwrap() = self.path(&file.name);
    }

    fn nobody_knows(&mut self, name: &str) {
        self.book.promises.insert(name.to_owned(), Promise::Unknown);
    }

    /// Work with a file has ended well.
    fn is_done(&mut self, file: Known) -> io::Result<Known> {
        self.doing = "stat after";
        self.look(&file, "after", &fs::metadata(self.path(&file.name))?, true);
        if self.random.random_bool(0.2) {
            self.read_back(&file, "after")?;
        }
        let promise = Promise::File { content: hash(&file.content), modified: file.modified };
        self.book.promises.insert(file.name.clone(), promise);
        Ok(file)
    }

    fn is_gone(&mut self, name: &str) -> io::Result<()> {
        self.doing = "stat of what is gone";
        match fs::symlink_metadata(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => self.book.untruths.push(format!("{name} is still there")),
        }
        self.book.promises.insert(name.to_owned(), Promise::Nothing);
        Ok(())
    }

    /// Compares what stat(2) says. A time that was not set is only certain once the file is closed, and while no worker
    /// has died: until an SMB server gives up that one's handles, it may go on telling the time that they had set.
    fn look(&mut self, file: &Known, when: &str, seen: &Metadata, closed: bool) {
        if seen.len() != file.content.len() as u64 {
            let text = format!("{when}: {} bytes instead of {}", seen.len(), file.content.len());
            self.untrue(file, &text);
        }
        let Ok(time) = seen.modified() else { return };
        let certain = match file.modified {
            Modified::Set(_) => true,
            Modified::NotBefore(_) => closed && !self.faults.load(Ordering::Relaxed),
        };
        if certain && !file.modified.allows(time) {
            self.untrue(file, &format!("{when}: modified {time:?} instead of {:?}", file.modified));
        }
    }

    fn read_back(&mut self, file: &Known, when: &str) -> io::Result<()> {
        let mut content = Vec::new();
        self.doing = "read";
        File::open(self.path(&file.name))?.read_to_end(&mut content)?;
        self.compare(file, when, &content);
        Ok(())
    }

    fn compare(&mut self, file: &Known, when: &str, content: &[u8]) {
        if content != file.content {
            let same = content.iter().zip(&file.content).take_while(|(a, b)| a == b).count();
            let (is, wanted) = (content.len(), file.content.len());
            self.untrue(file, &format!("{when}: {is} bytes of {wanted}, not the same from {same} on"));
        }
    }

    fn untrue(&mut self, file: &Known, what: &str) {
        self.book.untruths.push(format!("{} {what}; {}", file.name, file.history.join(", ")));
    }

    /// A time that no clock shows now.
    fn some_time(&mut self) -> u64 {
        self.random.random_range(1_000_000_000..1_500_000_000)
    }

    fn new_name(&mut self) -> String {
        self.names += 1;
        format!("w{}-{}", self.number, self.names)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn set_modified(path: &Path, seconds: u64) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds.try_into().unwrap(), tv_nsec: 0 },
    };
    Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
}

/// Without opening it here.
fn truncate(path: &Path, len: usize) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is a string of C that lives longer than the call.
    match unsafe { libc::truncate(path.as_ptr(), len.try_into().unwrap()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reads from the beginning until the buffer is full or the file ends.
fn read_at_most(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while at < buffer.len() {
        match file.read_at(&mut buffer[at..], at as u64)? {
            0 => break,
            len => at += len,
        }
    }
    Ok(at)
}

/// Closes, and hears what close(2) says.
fn close(file: File) -> io::Result<()> {
    use std::os::fd::IntoRawFd;
    // SAFETY: the descriptor is ours alone and not used afterwards.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
