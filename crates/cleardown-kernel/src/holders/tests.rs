//! Each kind of holder with a real process; as root, for mounting needs it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::testing::Tmpfs;

/// A process that says when it is ready, and is killed at the end of the test.
struct Helper(Child);

impl Helper {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        Helper(child)
    }

    fn perl(script: &str, at: &Path) -> Self {
        let script = format!("$| = 1; {script}; print qq(ready\\n); <STDIN>");
        Helper::start(Command::new("perl").arg("-MFcntl=:flock").arg("-e").arg(script).arg(at))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Without the copies in the namespace that another test makes meanwhile.
fn here(found: &Holders) -> Vec<Holder> {
    let elsewhere = |h: &Holder| h.kind == HolderKind::Mount && h.pid != 0;
    found.holders.iter().filter(|h| !elsewhere(h)).cloned().collect()
}

fn kinds(tmpfs: &Tmpfs, pid: u32) -> Vec<(HolderKind, String)> {
    let found = holders(&[tmpfs.line()], &[], Files::MayBeOpen).remove(0);
    let of = |h: Holder| (h.pid == pid).then_some((h.kind, h.path));
    found.holders.into_iter().filter_map(of).collect()
}

#[test]
fn nobody() {
    let tmpfs = Tmpfs::new();
    assert_eq!(here(&holders(&[tmpfs.line()], &[], Files::MayBeOpen)[0]), []);
}

#[test]
fn an_open_file_and_a_lock_on_it() {
    let tmpfs = Tmpfs::new();
    let script = "open(F, '>', qq($ARGV[0]/a b)); flock(F, LOCK_EX); open(G, '>', qq($ARGV[0]/c)); unlink(qq($ARGV[0]/c))";
    let helper = Helper::perl(script, &tmpfs.at());
    let path = |name: &str| tmpfs.at().join(name).display().to_string();
    let expected = [
        (HolderKind::File, path("a b")),
        (HolderKind::File, path("c (deleted)")),
        (HolderKind::Lock, path("a b")),
    ];
    assert_eq!(kinds(&tmpfs, helper.pid()), expected);
    let found = holders(&[tmpfs.line()], &[], Files::MayBeOpen).remove(0).holders;
    assert_eq!((found[0].user.as_str(), found[0].program.as_str()), ("root", "perl"));
    assert_eq!(here(&holders(&[tmpfs.line()], &[helper.pid()], Files::MayBeOpen)[0]), []);
}

#[test]
fn a_working_directory_and_a_root() {
    let tmpfs = Tmpfs::new();
    std::fs::create_dir(tmpfs.at().join("d")).unwrap();
    let at = tmpfs.at().display().to_string();
    let helper = Helper::perl("chdir(qq($ARGV[0]/d))", &tmpfs.at());
    assert_eq!(kinds(&tmpfs, helper.pid()), [(HolderKind::WorkingDirectory, format!("{at}/d"))]);
    let helper = Helper::perl("chdir('/'); chroot($ARGV[0])", &tmpfs.at());
    assert_eq!(kinds(&tmpfs, helper.pid()), [(HolderKind::Root, at)]);
}

#[test]
fn a_program_that_runs_from_there() {
    let tmpfs = Tmpfs::new();
    let program = tmpfs.at().join("perl");
    std::fs::copy("/usr/bin/perl", &program).unwrap();
    let helper = Helper::start(Command::new(&program).args(["-e", "$| = 1; print qq(ready\\n); <STDIN>"]));
    assert_eq!(kinds(&tmpfs, helper.pid()), [(HolderKind::Executable, program.display().to_string())]);
}

#[test]
fn a_mapping_whose_file_is_closed() {
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    let tmpfs = Tmpfs::new();
    let path = tmpfs.at().join("m");
    std::fs::write(&path, "mapped").unwrap();
    let file = std::fs::File::open(&path).unwrap();
    // SAFETY: a fresh mapping, which nobody uses and which is unmapped below.
    let map = unsafe { mmap(std::ptr::null_mut(), 6, ProtFlags::READ, MapFlags::SHARED, &file, 0).unwrap() };
    drop(file);
    let found = kinds(&tmpfs, std::process::id());
    // SAFETY: the mapping made above.
    unsafe { munmap(map, 6).unwrap() };
    assert_eq!(found, [(HolderKind::Mapping, path.display().to_string())]);
}

#[test]
fn other_mounts_inside_and_elsewhere() {
    use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
    let tmpfs = Tmpfs::new();
    let (inside, outside) = (tmpfs.at().join("i"), tmpfs.dir.path().join("o"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    mount("none", &inside, "tmpfs", MountFlags::empty(), None).unwrap();
    mount_bind(tmpfs.at(), &outside).unwrap();
    let found = kinds(&tmpfs, 0);
    unmount(&outside, UnmountFlags::empty()).unwrap();
    unmount(&inside, UnmountFlags::empty()).unwrap();
    let path = |path: &Path| (HolderKind::Mount, path.display().to_string());
    assert_eq!(found, [path(&outside), path(&inside)]);
}

#[test]
fn another_namespace_that_keeps_the_mount() {
    let tmpfs = Tmpfs::new();
    let at = tmpfs.at().display().to_string();
    let script = format!("cd {at} && echo ready && read x");
    let helper =
        Helper::start(Command::new("unshare").args(["-m", "--propagation", "private", "sh", "-c", &script]));
    let expected = [(HolderKind::WorkingDirectory, at.clone()), (HolderKind::Mount, at.clone())];
    assert_eq!(kinds(&tmpfs, helper.pid()), expected);
    // Once it is detached here, it still lives there.
    let line = tmpfs.line();
    crate::mount::detach(&line, std::time::Duration::from_secs(20)).unwrap();
    let found = holders(&[line], &[], Files::MayBeOpen).remove(0).holders;
    assert!(found.iter().any(|h| h.kind == HolderKind::WorkingDirectory && h.path == at), "{found:?}");
}

#[test]
fn who_lingers_on_a_detached_mount() {
    let tmpfs = Tmpfs::new();
    let helper = Helper::perl("open(F, '>', qq($ARGV[0]/a)); chdir($ARGV[0])", &tmpfs.at());
    let line = tmpfs.line();
    crate::mount::detach(&line, std::time::Duration::from_secs(20)).unwrap();
    let found = holders(&[line], &[], Files::MayBeOpen).remove(0).holders;
    let held = found.iter().filter(|h| h.pid == helper.pid()).map(|h| (h.kind, PathBuf::from(&h.path)));
    let expected = [(HolderKind::File, tmpfs.at().join("a")), (HolderKind::WorkingDirectory, tmpfs.at())];
    assert_eq!(held.collect::<Vec<_>>(), expected, "where they were");
}

#[test]
fn another_user() {
    let tmpfs = Tmpfs::new();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(tmpfs.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let at = tmpfs.at().display().to_string();
    let script = format!("cd {at} && echo ready && read x");
    let mut command = Command::new("setpriv");
    let helper = Helper::start(command.args(["--reuid", "65534", "--clear-groups", "sh", "-c", &script]));
    let found = holders(&[tmpfs.line()], &[], Files::MayBeOpen).remove(0).holders;
    let holder = found.iter().find(|h| h.pid == helper.pid()).unwrap();
    assert_eq!((holder.user.as_str(), holder.kind), ("nobody", HolderKind::WorkingDirectory));
}

#[test]
fn what_an_ordinary_user_cannot_see_is_said() {
    let tmpfs = Tmpfs::new();
    let helper = Helper::perl("chdir($ARGV[0])", &tmpfs.at());
    let line = tmpfs.line();
    let found = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        // Of this thread only: the kernel's call, not the C library's.
        rustix::thread::set_thread_uid(nobody).unwrap();
        holders(&[line], &[], Files::MayBeOpen).remove(0)
    });
    let found = found.join().unwrap();
    assert!(found.holders.iter().all(|h| h.pid != helper.pid()));
    assert!(found.unseen[0].contains("cannot be inspected"), "{found:?}");
}

#[test]
fn many_mounts_in_one_pass() {
    let (a, b) = (Tmpfs::new(), Tmpfs::new());
    let helper = Helper::perl("chdir($ARGV[0])", &b.at());
    let found = holders(&[a.line(), b.line()], &[], Files::MayBeOpen);
    assert_eq!(here(&found[0]), []);
    assert_eq!(here(&found[1])[0].pid, helper.pid());
}

/// Two questions about a process are never answered: the others are, and its descriptors are seen.
#[test]
fn a_process_that_hangs_in_the_kernel() {
    let tmpfs = Tmpfs::new();
    let helper = Helper::perl("open(F, '>', qq($ARGV[0]/f))", &tmpfs.at());
    let questions = [(helper.pid(), "namespace"), (helper.pid(), "mappings")];
    reader::stuck(|all| all.extend(questions));
    let found = holders(&[tmpfs.line()], &[], Files::MayBeOpen).remove(0);
    reader::stuck(|all| all.retain(|question| !questions.contains(question)));
    assert!(found.holders.iter().any(|h| h.pid == helper.pid() && h.kind == HolderKind::File), "{found:?}");
    let named = format!("perl[{}]", helper.pid());
    // Another test's process may be stuck at the same time, and only one of several is named.
    let told = |words: &String| words.contains(&named) || words.contains("stuck in the kernel, among them");
    assert!(found.unseen.iter().any(told), "{found:?}");
}

#[test]
fn locks_that_only_the_file_system_knows() {
    let tmpfs = Tmpfs::new();
    let took = Helper::perl("open(F, '>', qq($ARGV[0]/f))", &tmpfs.at());
    let shell = Helper::perl("open(F, '>>', qq($ARGV[0]/f)); open(F, '>', qq($ARGV[0]/g))", &tmpfs.at());
    let mut found = holders(&[tmpfs.line()], &[], Files::MayBeOpen).remove(0);
    let (f, g) = (tmpfs.at().join("f"), tmpfs.at().join("g"));
    // One was taken by a process that lives, one for a shell by a process that has ended, one was given back just now.
    let dead = u32::MAX >> 1;
    add_locks(&mut found, &[(took.pid(), f), (dead, g), (took.pid(), tmpfs.at().join("closed"))]);
    let locks = found.holders.iter().filter(|h| h.kind == HolderKind::Lock).map(|h| h.pid);
    assert_eq!(BTreeSet::from_iter(locks), BTreeSet::from([took.pid(), shell.pid()]));
}
