//! Who uses a mount.
//!
//! One pass over `/proc` answers for any number of mounts. It only reads what the kernel has in memory
//! (symbolic links of `/proc/PID`, `fdinfo`, `maps`, `mountinfo`): no file system is asked anything, so a frozen
//! server costs nothing. A mount's id is unique in the system, and its device number is the same in every
//! mount namespace; so neither bind mounts nor other namespaces nor equal paths deceive.

mod links;
mod process;
pub(crate) mod reader;
mod scope;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use cleardown_core::view::{Holder, HolderKind, Holders};

use crate::mounts::{self, Mount};
use crate::users::Users;
use reader::Reader;
use scope::Scope;

/// Whether programs have files of the targets open, as far as those know who serve them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Nobody knows that there is none.
    MayBeOpen,
    /// None is, and so none is mapped (which keeps a file open): most of the work is to read of what is mapped.
    Closed,
}

/// Finds the holders of each of `targets`, in their order, leaving out the processes `except` (the daemon and
/// the workers).
///
/// A target may be detached from the mount table already: then who lingers on it is found.
pub fn holders(targets: &[Mount], except: &[u32], files: Files) -> Vec<Holders> {
    let mut found = vec![Holders::default(); targets.len()];
    if targets.is_empty() {
        return found;
    }
    if let Err(error) = scan(targets, except, files, &mut found) {
        for holders in &mut found {
            holders.unseen.push(format!("/proc cannot be read: {error}"));
        }
    }
    for holders in &mut found {
        in_order(&mut holders.holders);
    }
    found
}

/// Adds the locks that a file system keeps by itself, of which the kernel shows nothing: each with the process that took
/// it, and the file's path. A lock lasts no longer than somebody has the file open; when the process that took it has not
/// (flock(1) takes locks for the shell that called it), it is theirs who have.
pub fn add_locks(found: &mut Holders, locks: &[(u32, PathBuf)]) {
    let mut added = Vec::new();
    for (pid, path) in locks {
        let path = path.display().to_string();
        let is_open = |h: &&Holder| h.kind == HolderKind::File && h.path == path;
        let open: Vec<&Holder> = found.holders.iter().filter(is_open).collect();
        let took = open.iter().find(|holder| holder.pid == *pid).copied();
        let holding = took.map_or(open, |took| vec![took]);
        added.extend(holding.into_iter().map(|h| Holder { kind: HolderKind::Lock, ..h.clone() }));
    }
    found.holders.append(&mut added);
    in_order(&mut found.holders);
}

fn in_order(holders: &mut Vec<Holder>) {
    let key = |h: &Holder| (h.pid, h.kind, h.path.clone());
    holders.sort_by_key(key);
    holders.dedup_by_key(|h| key(h));
}

fn scan(targets: &[Mount], except: &[u32], files: Files, found: &mut [Holders]) -> io::Result<()> {
    let table = mounts::read()?;
    let users = Users::read();
    let pids = process::all()?;
    let mut scope = Scope::new(targets, &table);
    let (mut unseen, mut stuck) = (Vec::new(), BTreeSet::new());
    let mut reader = Reader::default();
    // Namespaces first: their mounts' ids are needed to understand any process's descriptors.
    let mut seen = Vec::with_capacity(pids.len());
    for pid in pids {
        if except.contains(&pid) {
            continue;
        }
        match scope.place(pid, &mut reader) {
            Ok(place) => seen.push((pid, place)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unseen.extend(process::is_user_process(pid).then_some(pid));
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                stuck.insert(pid);
                seen.push((pid, Scope::HERE));
            }
            Err(_) => {} // It has ended, or is a kernel thread.
        }
    }
    for (pid, place) in seen {
        let (uses, complete) = process::uses(pid, &scope, place, files, &mut reader);
        for (target, use_) in uses {
            found[target].holders.push(use_.into_holder(pid, &users));
        }
        if !complete {
            stuck.insert(pid);
        }
    }
    // A namespace whose process has ended meanwhile has most likely gone with it.
    let is_there = |pid: u32| pid == 0 || process::is_user_process(pid);
    for (target, mount, pid) in scope.other_mounts(&table).into_iter().filter(|(.., pid)| is_there(*pid)) {
        let program = if pid == 0 { "mount".into() } else { process::program(pid) };
        let user = if pid == 0 { users.name(0) } else { process::user(pid, &users) };
        let path = mount.at.display().to_string();
        found[target].holders.push(Holder { pid, user, program, path, kind: HolderKind::Mount });
    }
    for (target, program, path) in links::loop_devices(&scope) {
        let user = users.name(0);
        found[target].holders.push(Holder { pid: 0, user, program, path, kind: HolderKind::File });
    }
    let stuck: Vec<u32> = stuck.into_iter().collect();
    let words =
        [in_words(&unseen, "", &users), in_words(&stuck, " wholly while stuck in the kernel", &users)];
    for holders in found {
        holders.unseen.extend(words.iter().flatten().cloned());
        holders.unseen.extend(hidden(&table));
    }
    Ok(())
}

/// Processes of other users, with more privileges than ours, or stuck in the kernel.
fn in_words(unseen: &[u32], how: &str, users: &Users) -> Option<String> {
    let first = *unseen.first()?;
    let who = format!("{}[{first}] of {}", process::program(first), process::user(first, users));
    Some(match unseen.len() {
        1 => format!("1 process cannot be inspected{how}: {who}"),
        n => format!("{n} processes cannot be inspected{how}, among them {who}"),
    })
}

/// With `hidepid` other users' processes are not even there to be counted (proc(5)).
fn hidden(table: &[Mount]) -> Option<String> {
    let proc = mounts::topmost(table, "/proc".as_ref())?;
    let hides = |option: &str| {
        option.strip_prefix("hidepid=").is_some_and(|value| !matches!(value, "0" | "off" | "1" | "noaccess"))
    };
    let hidden = proc.super_options.split(',').any(hides) && !rustix::process::geteuid().is_root();
    hidden.then(|| "processes of other users are hidden (/proc is mounted with hidepid)".into())
}

#[cfg(test)]
mod tests;
