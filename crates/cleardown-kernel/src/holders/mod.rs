//! Who uses a mount.
//!
//! One pass over `/proc` answers for any number of mounts. It only reads what the kernel has in memory
//! (symbolic links of `/proc/PID`, `fdinfo`, `maps`, `mountinfo`): no file system is asked anything, so a frozen
//! server costs nothing. A mount's id is unique in the system, and its device number is the same in every
//! mount namespace; so neither bind mounts nor other namespaces nor equal paths deceive.

mod links;
mod maps;
mod process;
mod scope;

use std::io;

use cleardown_core::view::{Holder, HolderKind, Holders};

use crate::mounts::{self, Mount};
use crate::users::Users;
use scope::Scope;

/// Finds the holders of each of `targets`, in their order, leaving out the processes `except` (the daemon and
/// the workers).
///
/// A target may be detached from the mount table already: then who lingers on it is found.
pub fn holders(targets: &[Mount], except: &[u32]) -> Vec<Holders> {
    let mut found = vec![Holders::default(); targets.len()];
    if targets.is_empty() {
        return found;
    }
    if let Err(error) = scan(targets, except, &mut found) {
        for holders in &mut found {
            holders.unseen.push(format!("/proc cannot be read: {error}"));
        }
    }
    for holders in &mut found {
        let key = |h: &Holder| (h.pid, h.kind, h.path.clone());
        holders.holders.sort_by_key(key);
        holders.holders.dedup_by_key(|h| key(h));
    }
    found
}

fn scan(targets: &[Mount], except: &[u32], found: &mut [Holders]) -> io::Result<()> {
    let table = mounts::read()?;
    let users = Users::read();
    let pids = process::all()?;
    let mut scope = Scope::new(targets, &table);
    let (mut unseen, mut stuck) = (Vec::new(), 0);
    let mut maps = maps::Reader::default();
    // Namespaces first: their mounts' ids are needed to understand any process's descriptors.
    let mut seen = Vec::with_capacity(pids.len());
    for pid in pids {
        if except.contains(&pid) {
            continue;
        }
        match scope.place(pid, &mut maps) {
            Ok(place) => seen.push((pid, place)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unseen.extend(process::is_user_process(pid).then_some(pid));
            }
            // Nothing more may be read of it: anything could block.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => stuck += 1,
            Err(_) => {} // It has ended, or is a kernel thread.
        }
    }
    for (pid, place) in seen {
        let (uses, complete) = process::uses(pid, &scope, place, &mut maps);
        for (target, use_) in uses {
            found[target].holders.push(use_.into_holder(pid, &users));
        }
        stuck += usize::from(!complete);
    }
    for (target, mount, pid) in scope.other_mounts(&table) {
        let program = if pid == 0 { "mount".into() } else { process::program(pid) };
        let user = if pid == 0 { users.name(0) } else { process::user(pid, &users) };
        let path = mount.at.display().to_string();
        found[target].holders.push(Holder { pid, user, program, path, kind: HolderKind::Mount });
    }
    for (target, program, path) in links::loop_devices(&scope) {
        let user = users.name(0);
        found[target].holders.push(Holder { pid: 0, user, program, path, kind: HolderKind::File });
    }
    let words = in_words(&unseen, &users);
    for holders in found {
        holders.unseen.extend(words.clone());
        holders.unseen.extend((stuck > 0).then(|| format!("{stuck} processes are stuck in the kernel")));
        holders.unseen.extend(hidden(&table));
    }
    Ok(())
}

/// Processes of other users, with more privileges than ours, or stuck in the kernel.
fn in_words(unseen: &[u32], users: &Users) -> Option<String> {
    let first = *unseen.first()?;
    let who = format!("{}[{first}] of {}", process::program(first), process::user(first, users));
    Some(match unseen.len() {
        1 => format!("1 process cannot be inspected: {who}"),
        n => format!("{n} processes cannot be inspected, among them {who}"),
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
