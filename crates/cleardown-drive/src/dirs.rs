//! Folders: their listings, kept for as long as they may be believed, and handles that read them.
//!
//! A listing answers look-ups of all its names, and of names that it lacks. It is believed for [`TTL`], or longer
//! while the server tells us of changes. Our own changes are entered, also into a listing that was under way
//! meanwhile: of those names it says what we did last.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_share::{Attr, DirEntry, ShareError};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::attrs::TTL;
use crate::drive::Inner;

/// Larger folders are listed and not kept.
const KEEP: usize = 20_000;
/// What the entries of one listing may take, in bytes: some two million. A server that goes on listing for ever shall not
/// have all memory.
const LONGEST: usize = 512 << 20;
/// Look-ups within a moment after which a folder is listed as a whole.
const LOOKUPS: u32 = 3;
/// How long a listing is believed while the server tells of changes.
const WATCHED: Duration = Duration::from_secs(30);
/// A change of ours is told to us too; within this time it is taken for ours.
pub(crate) const OURS: Duration = Duration::from_secs(1);
/// Our own changes within such a time that are remembered for it: more than a server can make.
const REMEMBERED: usize = 8192;
/// After so many folders in a row that look-ups have led to, the next ones are listed at their first look-up.
const WALK: u32 = 3;
/// So soon after each other.
const STEP: Duration = Duration::from_secs(1);

/// What is known of a folder's entries.
#[derive(Debug, Default)]
pub(crate) struct DirCache {
    known: Option<Known>,
    /// Our own changes, and those we were told of.
    epoch: u64,
    /// Those we were told of, and could not enter: a listing that was under way meanwhile is not kept.
    told: u64,
    /// Listings under way.
    listing: usize,
    /// The last one was too long to be kept: a further one would be no use to look-ups.
    large: bool,
    /// What we have changed while any was, and at which epoch.
    meanwhile: HashMap<Vec<u8>, (u64, Option<DirEntry>)>,
    lookups: u32,
    counted: Option<Instant>,
    pub(crate) watched: bool,
    /// The names that we have changed lately, while the server tells of changes.
    ours: Ours,
    /// What was listed before this may lack a change: we took it for ours, or did not watch yet.
    doubt: Option<Instant>,
    /// The epoch when it was listed last: a folder that is listed again unchanged is worth watching.
    listed: Option<u64>,
}

/// Names that we have changed, and when. Those of the time before go all at once, so that noting one costs little.
#[derive(Debug, Default)]
struct Ours {
    young: HashMap<Vec<u8>, Instant>,
    old: HashMap<Vec<u8>, Instant>,
    since: Option<Instant>,
}

impl Ours {
    fn note(&mut self, key: Vec<u8>, now: Instant) {
        if self.since.is_none_or(|since| now.duration_since(since) >= OURS) {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
        if self.young.len() < REMEMBERED {
            self.young.insert(key, now);
        }
    }

    fn have(&self, key: &[u8], now: Instant) -> bool {
        [&self.young, &self.old]
            .iter()
            .filter_map(|names| names.get(key))
            .any(|at| now.duration_since(*at) < OURS)
    }
}

/// When a listing began.
#[derive(Clone, Copy, Debug)]
struct Begun {
    asked: Instant,
    epoch: u64,
    told: u64,
}

#[derive(Debug)]
struct Known {
    entries: HashMap<Vec<u8>, DirEntry>,
    asked: Instant,
}

/// What a listing says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// It is there, with these attributes at that time.
    There(Vec<u8>, Box<Attr>, Instant),
    /// It is not.
    Missing,
    /// The listing is too old, or there is none.
    Unknown,
}

impl DirCache {
    fn valid(&self) -> Option<&Known> {
        let known = self.known.as_ref()?;
        let told = self.watched && self.doubt.is_none_or(|doubt| doubt < known.asked);
        (known.asked.elapsed() < if told { WATCHED } else { TTL }).then_some(known)
    }

    /// `exact`: the name's spelling decides (its key is the name).
    pub(crate) fn find(&self, key: &[u8]) -> Listed {
        let Some(known) = self.valid() else { return Listed::Unknown };
        match known.entries.get(key) {
            Some(entry) => Listed::There(entry.name.clone(), Box::new(entry.attr.clone()), known.asked),
            None => Listed::Missing,
        }
    }

    /// Names are what this listing says.
    pub(crate) fn is_valid(&self) -> bool {
        self.valid().is_some()
    }

    fn snapshot(&self) -> Option<(Vec<DirEntry>, Instant)> {
        let known = self.valid().filter(|known| known.asked.elapsed() < TTL)?;
        Some((known.entries.values().cloned().collect(), known.asked))
    }

    /// Something has changed that we cannot enter.
    pub(crate) fn forget(&mut self) {
        self.known = None;
        self.epoch += 1;
        self.told += 1;
    }

    /// A listing begins; to be given back to [`DirCache::listed`].
    fn begin_listing(&mut self) -> Begun {
        self.listing += 1;
        Begun { asked: Instant::now(), epoch: self.epoch, told: self.told }
    }

    /// A listing has ended, with these entries if it may be kept.
    fn end_listing(&mut self, begun: &Begun, entries: Option<HashMap<Vec<u8>, DirEntry>>) {
        self.listing = self.listing.saturating_sub(1);
        if let Some(mut entries) = entries.filter(|_| self.told == begun.told) {
            // The server may have listed these names before or after it did what we asked for.
            for (key, (_, ours)) in self.meanwhile.iter().filter(|(_, (epoch, _))| *epoch > begun.epoch) {
                match ours {
                    Some(entry) => drop(entries.insert(key.clone(), entry.clone())),
                    None => drop(entries.remove(key)),
                }
            }
            self.known = Some(Known { entries, asked: begun.asked });
        }
        if self.listing == 0 {
            self.meanwhile = HashMap::new();
        }
    }

    /// We have made or removed a name.
    pub(crate) fn note(&mut self, key: Vec<u8>, entry: Option<DirEntry>) {
        self.epoch += 1;
        if self.watched {
            self.ours.note(key.clone(), Instant::now());
        }
        if self.listing > 0 {
            self.meanwhile.insert(key.clone(), (self.epoch, entry.clone()));
            if self.meanwhile.len() > KEEP {
                self.meanwhile = HashMap::new();
                self.told += 1;
            }
        }
        if let Some(known) = &mut self.known {
            match entry {
                Some(entry) => drop(known.entries.insert(key, entry)),
                None => drop(known.entries.remove(&key)),
            }
        }
    }

    /// We have just made this folder: it is empty.
    pub(crate) fn new_and_empty(&mut self) {
        self.known = Some(Known { entries: HashMap::new(), asked: Instant::now() });
    }

    /// Whether what the server tells of this name is what we have just done.
    pub(crate) fn is_ours(&mut self, key: &[u8]) -> bool {
        let ours = self.ours.have(key, Instant::now());
        if ours {
            self.doubt();
        }
        ours
    }

    /// What we were told was taken for our own doing: without watching, the listing is not believed for long.
    pub(crate) fn doubt(&mut self) {
        self.doubt = Some(Instant::now());
    }

    /// The server tells of changes from now on, or no longer.
    pub(crate) fn set_watched(&mut self, on: bool) {
        (self.watched, self.doubt) = (on, Some(Instant::now()));
        self.ours = Ours::default();
    }

    /// Counts a look-up that the server had to answer; true when the folder should be listed.
    fn wants_listing(&mut self, walking: bool) -> bool {
        if self.counted.is_none_or(|since| since.elapsed() > TTL) {
            (self.counted, self.lookups) = (Some(Instant::now()), 0);
        }
        self.lookups += 1;
        self.lookups == if walking { 1 } else { LOOKUPS } && self.listing == 0 && !self.large
    }
}

/// A handle that reads a folder.
#[derive(Debug)]
pub(crate) struct DirHandle {
    pub(crate) node: u64,
    state: Mutex<Reading>,
    pub(crate) changed: Notify,
}

#[derive(Debug, Default)]
struct Reading {
    entries: Vec<DirEntry>,
    asked: Option<Instant>,
    /// What the entries take.
    bytes: usize,
    complete: bool,
    error: Option<ShareError>,
    /// Which listing this is: a later one does not add to it.
    number: u64,
}

impl DirHandle {
    pub(crate) fn new(node: u64) -> Arc<Self> {
        Arc::new(DirHandle { node, state: Mutex::default(), changed: Notify::new() })
    }

    /// Hands entries from `index` on to `take`, until it wants no more. None when they are not there yet.
    pub(crate) fn read(
        &self,
        index: usize,
        mut take: impl FnMut(&DirEntry, Instant) -> bool,
    ) -> Option<Result<(), ShareError>> {
        let state = self.state.lock();
        let asked = state.asked?;
        if index >= state.entries.len() {
            let error = state.error.clone();
            return state.complete.then(|| error.map_or(Ok(()), Err));
        }
        for entry in &state.entries[index..] {
            if !take(entry, asked) {
                break;
            }
        }
        Some(Ok(()))
    }

    /// A reader that starts over wants a fresh listing.
    fn begin(&self) -> Option<u64> {
        let mut state = self.state.lock();
        if state.asked.is_some_and(|asked| !state.complete || asked.elapsed() < TTL) && state.error.is_none()
        {
            return None;
        }
        let number = state.number + 1;
        *state = Reading { asked: Some(Instant::now()), number, ..Reading::default() };
        Some(number)
    }

    /// Takes entries; false when it wants no more.
    fn add(&self, number: u64, entries: Vec<DirEntry>) -> bool {
        let mut state = self.state.lock();
        if state.number != number {
            return false;
        }
        state.bytes += entries.iter().map(|entry| size_of::<DirEntry>() + entry.name.len()).sum::<usize>();
        let fits = state.bytes <= LONGEST;
        match fits {
            true => state.entries.extend(entries),
            false => state.error = Some(ShareError::server(libc::EFBIG, "the folder has too many entries")),
        }
        drop(state);
        self.changed.notify_waiters();
        fits
    }

    fn finish(&self, number: u64, error: Option<ShareError>) {
        let mut state = self.state.lock();
        if state.number == number {
            state.complete = true;
            state.error = state.error.take().or(error);
            drop(state);
            self.changed.notify_waiters();
        }
    }
}

impl Inner {
    /// Lists a folder for a handle that starts to read it.
    pub(crate) fn start_reading(self: &Arc<Self>, handle: &Arc<DirHandle>) {
        let Some(number) = handle.begin() else { return };
        let snapshot = self.table.lock().get(handle.node).and_then(|node| node.cache.snapshot());
        if let Some((entries, asked)) = snapshot {
            handle.state.lock().asked = Some(asked);
            handle.add(number, entries);
            return handle.finish(number, None);
        }
        // Whoever closes the handle wants no more.
        let (inner, node, handle) = (self.clone(), handle.node, Arc::downgrade(handle));
        self.runtime.spawn(async move {
            let add = |entries| Weak::upgrade(&handle).is_some_and(|handle| handle.add(number, entries));
            let listed = inner.list(node, add).await;
            if let Some(handle) = handle.upgrade() {
                handle.finish(number, listed.err());
            }
        });
    }

    /// Lists a folder, and keeps the listing if it is not too long and nothing has changed meanwhile. `each` says whether it
    /// wants more.
    async fn list(
        self: &Arc<Self>,
        node: u64,
        mut each: impl FnMut(Vec<DirEntry>) -> bool + Send,
    ) -> Result<(), ShareError> {
        let gone = || ShareError::server(libc::ENOENT, "the folder was removed");
        let (path, begun, again) = {
            let mut table = self.table.lock();
            let path = table.path(node).ok_or_else(gone)?;
            let cache = &mut table.get_mut(node).ok_or_else(gone)?.cache;
            let again = cache.listed.replace(cache.epoch) == Some(cache.epoch) && !cache.watched;
            (path, cache.begin_listing(), again)
        };
        if again && !self.is_walk() {
            let (inner, path) = (self.clone(), path.clone());
            self.runtime.spawn(async move { inner.watch(node, &path).await });
        }
        let (sender, mut receiver) = mpsc::channel(4);
        let listing = self.share.list(&path, sender);
        let (mut kept, mut count) = (Some(HashMap::new()), 0);
        let take = async {
            while let Some(entries) = receiver.recv().await {
                count += entries.len();
                if count > KEEP {
                    kept = None;
                }
                if let Some(all) = &mut kept {
                    let table = self.table.lock();
                    all.extend(entries.iter().map(|entry| (table.key(&entry.name), entry.clone())));
                }
                if !each(entries) && kept.is_none() {
                    receiver.close();
                }
            }
        };
        let (listed, ()) = tokio::join!(listing, take);
        let kept = kept.filter(|_| listed.is_ok());
        if let Some(folder) = self.table.lock().get_mut(node) {
            folder.cache.large = count > KEEP;
            folder.cache.end_listing(&begun, kept);
        }
        listed
    }

    /// Look-ups go from folder to folder.
    fn is_walk(&self) -> bool {
        self.walk.lock().is_some_and(|(since, steps)| steps >= WALK && since.elapsed() < STEP)
    }

    /// A look-up in this folder has to ask the server: after some, the folder is listed as a whole.
    pub(crate) fn count_lookup(self: &Arc<Self>, parent: u64) {
        let walking = self.is_walk();
        let mut table = self.table.lock();
        let wanted = table.get_mut(parent).is_some_and(|node| node.cache.wants_listing(walking));
        drop(table);
        if wanted {
            let mut walk = self.walk.lock();
            let steps = walk.filter(|(since, _)| since.elapsed() < STEP).map_or(1, |(_, steps)| steps + 1);
            *walk = Some((Instant::now(), steps));
            drop(walk);
            let inner = self.clone();
            self.runtime.spawn(async move {
                if let Err(error) = inner.list(parent, |_| false).await {
                    tracing::debug!(%error, "listing a folder for its look-ups failed");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use cleardown_share::FileKind;

    use super::*;
    use crate::nodes::tests::attr;

    fn entry(name: &str, size: u64) -> (Vec<u8>, DirEntry) {
        let name = name.as_bytes().to_vec();
        let attr = Attr { id: None, size, ..attr(FileKind::File, 0) };
        (name.clone(), DirEntry { name, attr })
    }

    fn size(cache: &DirCache, name: &str) -> Option<u64> {
        match cache.find(name.as_bytes()) {
            Listed::There(_, attr, _) => Some(attr.size),
            Listed::Missing => None,
            Listed::Unknown => panic!("{name}: the listing was not kept"),
        }
    }

    #[test]
    fn many_changes_of_ours_are_known_for_ours_and_only_for_a_moment() {
        let (mut ours, start) = (Ours::default(), Instant::now());
        let at = |n: u32| start + Duration::from_micros(300) * n;
        let name = |n: u32| format!("file{n}").into_bytes();
        for n in 0..20_000 {
            ours.note(name(n), at(n));
            assert!(ours.have(&name(n.saturating_sub(3000)), at(n)), "{n}");
        }
        assert!(!ours.have(&name(19_999), at(19_999) + OURS) && !ours.have(&name(0), at(19_999)));
        assert!(ours.young.len() + ours.old.len() < 8000);
    }

    #[test]
    fn what_we_change_while_a_folder_is_listed_is_in_the_listing() {
        let mut cache = DirCache::default();
        let note = |cache: &mut DirCache, name: &str, size: Option<u64>| {
            cache.note(name.as_bytes().to_vec(), size.map(|size| entry(name, size).1));
        };
        note(&mut cache, "before", Some(1));
        let begun = cache.begin_listing();
        note(&mut cache, "made", Some(2));
        note(&mut cache, "removed", None);
        let listed = HashMap::from([entry("before", 3), entry("removed", 4), entry("other", 5)]);
        cache.end_listing(&begun, Some(listed));
        assert_eq!(size(&cache, "before"), Some(3), "the server has the last word on what came before");
        assert_eq!(size(&cache, "made"), Some(2));
        assert_eq!(size(&cache, "removed"), None);
        assert_eq!(size(&cache, "other"), Some(5));
    }

    #[test]
    fn a_listing_without_end_is_given_up() {
        let handle = DirHandle::new(2);
        let number = handle.begin().unwrap();
        // One name that is as long as many.
        let many = |size| vec![entry(&"x".repeat(size), 1).1];
        assert!(handle.add(number, many(1 << 20)));
        handle.state.lock().bytes = LONGEST - 1000;
        assert!(!handle.add(number, many(1000)));
        handle.finish(number, None);
        assert!(handle.read(0, |_, _| true).unwrap().is_ok());
        let error = handle.read(1, |_, _| true).unwrap().unwrap_err();
        assert_eq!(error.errno, libc::EFBIG);
    }

    #[test]
    fn look_ups_do_not_list_a_folder_again_that_is_too_large_to_keep() {
        let mut cache = DirCache::default();
        assert!(cache.wants_listing(true));
        cache.counted = None;
        let begun = cache.begin_listing();
        assert!(!cache.wants_listing(true), "one is under way");
        cache.large = true;
        cache.end_listing(&begun, None);
        cache.counted = None;
        assert!(!cache.wants_listing(true));
    }

    #[test]
    fn a_listing_is_not_kept_that_others_changed_the_folder_under() {
        let mut cache = DirCache::default();
        let begun = cache.begin_listing();
        cache.forget();
        cache.end_listing(&begun, Some(HashMap::from([entry("a", 1)])));
        assert_eq!(cache.find(b"a"), Listed::Unknown);
    }
}
