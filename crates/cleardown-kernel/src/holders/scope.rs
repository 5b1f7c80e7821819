//! What the search is for: the mounts' ids in every namespace that we can see, and where they are.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::Reader;
use crate::mounts::{self, Dev, Mount};

/// Which namespace and root a process has, as an index into [`Scope::places`].
pub(super) type Place = usize;

pub(super) struct Scope<'a> {
    targets: &'a [Mount],
    /// The peer group of each target's parent.
    groups: Vec<Option<u64>>,
    /// Index of the target, by the id of any mount of its file system in any namespace.
    ids: HashMap<u64, usize>,
    devs: HashMap<Dev, usize>,
    places: Vec<Arc<View>>,
    by_name: HashMap<(PathBuf, PathBuf), Place>,
    /// Mounts of our file systems other than the targets themselves, with a process that sees them.
    others: Vec<(usize, Mount, u32)>,
    /// Which targets are in our mount table no more.
    gone: Vec<bool>,
    /// Where our table has file systems that might ask a server when a path on them is opened.
    remote: Arc<[PathBuf]>,
}

/// The targets as processes in one namespace with one root see them.
pub(super) struct View {
    points: HashSet<PathBuf>,
    /// A target is in no mount table any more: paths say nothing about it.
    detached: bool,
    remote: Arc<[PathBuf]>,
}

impl View {
    fn is_at_or_below(&self, link: &Path) -> bool {
        link.ancestors().any(|above| self.points.contains(above))
    }

    /// Whether a link of `/proc/PID` may lead to a target, judged by its text.
    pub(super) fn may_hold(&self, link: &Path) -> bool {
        if !link.as_os_str().as_bytes().starts_with(b"/") {
            return false;
        }
        self.detached || self.is_at_or_below(link)
    }

    /// Whether it is safe to open what the link leads to (with `O_PATH`). On our own mounts it is, for FUSE asks
    /// its server nothing then; a network file system of others might.
    pub(super) fn may_open(&self, link: &Path) -> bool {
        self.is_at_or_below(link) || !self.remote.iter().any(|at| link.starts_with(at))
    }
}

impl<'a> Scope<'a> {
    /// The place of processes in our own namespace.
    pub(super) const HERE: Place = 0;

    pub(super) fn new(targets: &'a [Mount], table: &[Mount]) -> Self {
        let ids: HashMap<u64, usize> = targets.iter().enumerate().map(|(i, t)| (t.id, i)).collect();
        let mut devs = HashMap::new();
        for (i, target) in targets.iter().enumerate() {
            devs.entry(target.dev).or_insert(i);
        }
        let gone = targets.iter().map(|target| target.find_in(table).is_none()).collect();
        let asks = |m: &&Mount| ["nfs", "9p", "overlay", "fuse"].iter().any(|t| m.fstype.starts_with(t));
        let remote =
            table.iter().filter(asks).map(|m| m.at.clone()).filter(|at| at != Path::new("/")).collect();
        let group = |target: &Mount| table.iter().find(|mount| mount.id == target.parent)?.shared;
        let mut scope = Scope {
            targets,
            groups: targets.iter().map(group).collect(),
            ids,
            devs,
            places: Vec::new(),
            by_name: HashMap::new(),
            others: Vec::new(),
            gone,
            remote,
        };
        scope.add_view(table, Path::new("/"), 0);
        if let Ok(own) = std::fs::read_link("/proc/self/ns/mnt") {
            scope.by_name.insert((own, "/".into()), 0);
        }
        scope
    }

    /// The namespace and root of a process, whose mount table is read when it is the first one there.
    pub(super) fn place(&mut self, pid: u32, reader: &mut Reader) -> io::Result<Place> {
        let name = reader.ask(pid, "namespace", move || {
            let link = |what: &str| std::fs::read_link(format!("/proc/{pid}/{what}"));
            Ok((link("ns/mnt")?, link("root")?))
        })?;
        if let Some(place) = self.by_name.get(&name) {
            return Ok(*place);
        }
        let own = self.by_name.iter().any(|((ns, _), place)| *place == 0 && *ns == name.0);
        let place = if own {
            // Links of our own namespace read the same whatever the process's root is.
            0
        } else {
            let table = mounts::read_of(pid)?;
            self.add_view(&table, &name.1, pid)
        };
        self.by_name.insert(name, place);
        Ok(place)
    }

    fn add_view(&mut self, table: &[Mount], root: &Path, pid: u32) -> Place {
        let mut points = HashSet::new();
        for mount in table {
            let Some(target) = self.devs.get(&mount.dev).copied() else { continue };
            points.insert(below(root, &mount.at));
            let new = self.ids.insert(mount.id, target).is_none();
            if new && !self.is_linked(target, mount, table) {
                self.others.push((target, mount.clone(), pid));
            }
        }
        let (detached, remote) = (self.gone.contains(&true), self.remote.clone());
        self.places.push(Arc::new(View { points, detached, remote }));
        self.places.len() - 1
    }

    /// Whether unmounting the target unmounts this copy too: its parent is a peer or a slave of the target's
    /// parent (mount_namespaces(7)).
    fn is_linked(&self, target: usize, copy: &Mount, table: &[Mount]) -> bool {
        let parent = table.iter().find(|mount| mount.id == copy.parent);
        match (self.groups[target], parent) {
            (Some(group), Some(parent)) => parent.shared == Some(group) || parent.master == Some(group),
            _ => false,
        }
    }

    /// Which target a mount id belongs to.
    pub(super) fn target(&self, mount_id: u64) -> Option<usize> {
        self.ids.get(&mount_id).copied()
    }

    /// Which target a device number belongs to.
    pub(super) fn target_of_dev(&self, dev: Dev) -> Option<usize> {
        self.devs.get(&dev).copied()
    }

    /// What a holder of a target is shown to hold. Of a mount that is in no table any more the kernel tells paths from
    /// the mount's root: then from where it was. Of a use without a mount's id that is known while there is no copy.
    pub(super) fn shown(&self, target: usize, mount: Option<u64>, path: &Path) -> PathBuf {
        let own = |id| id == self.targets[target].id;
        let is_own = mount.map_or_else(|| !self.others.iter().any(|(t, ..)| *t == target), own);
        match self.gone[target] && is_own {
            true => self.targets[target].at.components().chain(path.components().skip(1)).collect(),
            false => path.to_owned(),
        }
    }

    /// What a process with this place sees.
    pub(super) fn view(&self, place: Place) -> Arc<View> {
        self.places[place].clone()
    }

    /// Which target a path in our own namespace lies on.
    pub(super) fn target_of_path(&self, path: &Path) -> Option<usize> {
        self.targets.iter().position(|target| path.starts_with(&target.at))
    }

    /// Mounts on or below a target, bind mounts of its files, and copies in other namespaces that its end would
    /// not end; each with the process that sees it, 0 for our own namespace.
    pub(super) fn other_mounts(&self, table: &[Mount]) -> Vec<(usize, Mount, u32)> {
        let mut others: Vec<_> = self.others.clone();
        let parents: HashMap<u64, u64> = table.iter().map(|mount| (mount.id, mount.parent)).collect();
        for mount in table {
            let mut above = mount.parent;
            let mut steps = HashSet::new();
            while steps.insert(above) {
                if let Some(target) = self.targets.iter().position(|target| target.id == above) {
                    others.push((target, mount.clone(), 0));
                    break;
                }
                let Some(parent) = parents.get(&above) else { break };
                above = *parent;
            }
        }
        others
    }
}

/// A path as a process with this root sees it, from the namespace's root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
