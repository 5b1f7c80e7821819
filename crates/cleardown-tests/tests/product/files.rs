//! The file system, through the kernel, as applications use it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cleardown_testkit::{Options, ShareDef, Sshd, SshdOptions};
use cleardown_tests::{Machine, Protocol, Server, Stage, Who, on_every_stage};

on_every_stage!(
    files_are_what_they_should_be,
    the_same_file_over_and_over,
    a_thousand_files_in_one_folder,
    renames_and_removals_of_open_files,
    links_where_there_are_some,
    mappings_reach_the_server,
    locks_exclude_each_other,
    times_that_were_set_stay_until_the_next_write,
);

#[test]
fn programs_run_and_chmod_says_what_smb_can_keep() {
    cleardown_tests::needs_root!();
    let Stage { machine, server } = Stage::new(Protocol::Smb, Who::User);
    let z = machine.map("z:", &server);
    let script = r##"
        cp /bin/true program; ./program
        printf '#!/bin/sh\necho it runs\n' > script; [ "$(./script)" = 'it runs' ]
        [ "$(stat -c %a script .)" = "$(printf '755\n755')" ]
        chmod a-w script; [ "$(stat -c %a script)" = 555 ]; ! ( echo >> script ) 2>/dev/null
        chmod 600 script; [ "$(stat -c %a script)" = 755 ]; echo >> script
    "##;
    as_user(&machine, &z, script);
    machine.end("z:");
}

/// The tests run as root; what only the mounting user may do, they do by his scripts.
fn as_user(machine: &Machine, at: &Path, script: &str) {
    machine.script(&format!("set -e; cd {}; {script}", at.display())).answer().ok();
}

fn files_are_what_they_should_be(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = r#"
        printf 'hello' > a; [ "$(cat a)" = hello ]                       # create, read
        printf ' world' >> a; [ "$(cat a)" = 'hello world' ]             # O_APPEND
        ( set -C; ! printf x > a ) 2>/dev/null                           # O_EXCL
        [ "$(stat -c %s a)" = 11 ]
        truncate -s 5 a; [ "$(cat a)" = hello ]                          # cut
        truncate -s 8 a; [ "$(od -An -tx1 a | tr -d ' \n')" = 68656c6c6f000000 ]
        printf x > b; mv b a; [ "$(cat a)" = x ]; [ ! -e b ]             # rename over
        mkdir -p d/e/f; ! rmdir d 2>/dev/null; rmdir d/e/f d/e d         # folders
        touch -d '2001-02-03 04:05:06 UTC' a; [ "$(stat -c %Y a)" = 981173106 ]
        ! cat nothing 2>/dev/null; ! rm nothing 2>/dev/null; ! mkdir a 2>/dev/null
        head -c 3000000 /dev/urandom > r; cp r s; cmp r s
        dd if=r of=s bs=1000 seek=777 conv=notrunc status=none count=3
        dd if=r of=t bs=1000 count=3 status=none; cmp <(dd if=s bs=1000 skip=777 count=3 status=none) t
        stat -f . >/dev/null; df . >/dev/null
        rm a r s t
        [ -z "$(ls -A)" ]
    "#;
    as_user(machine, &z, script);
    assert_eq!(fs::read_dir(server.folder()).unwrap().count(), 0);
    machine.end("z:");
}

fn the_same_file_over_and_over(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    for round in 0..4 {
        let z = machine.map("z:", server);
        as_user(
            machine,
            &z,
            &format!("for n in 1 2 3; do echo {round}$n > a; [ \"$(cat a)\" = {round}$n ]; done"),
        );
        machine.end("z:");
        assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), format!("{round}3\n"));
    }
}

fn a_thousand_files_in_one_folder(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = r#"
        mkdir many; cd many
        for n in $(seq 1000); do echo $n > f$n; done
        [ $(ls | wc -l) = 1000 ]; [ "$(cat f777)" = 777 ]; ls -l > /dev/null
        [ $(find . -type f | wc -l) = 1000 ]
        rm f*; [ -z "$(ls -A)" ]
    "#;
    as_user(machine, &z, script);
    machine.end("z:");
}

fn renames_and_removals_of_open_files(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = r#"
        exec 3> open; printf one >&3; mv open moved; printf two >&3; exec 3>&-; [ "$(cat moved)" = onetwo ]
        exec 3<> moved; rm moved; [ ! -e moved ]; printf three >&3; exec 3>&-
        printf kept > x; exec 3< x; printf new > y; mv y x; [ "$(cat <&3)" = kept ]; exec 3<&-; [ "$(cat x)" = new ]
        rm x
    "#;
    as_user(machine, &z, script);
    machine.end("z:");
    let left: Vec<_> =
        fs::read_dir(server.folder()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn links_where_there_are_some(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    // What the server cannot do is refused with the right error, never feigned.
    let script = r#"
        echo data > a
        if ln -s a s 2>/dev/null; then [ "$(readlink s)" = a ]; [ "$(cat s)" = data ]; rm s; fi
        if ln a h 2>/dev/null; then [ "$(cat h)" = data ]; [ a -ef h ]; rm h; fi
        rm a; [ -z "$(ls -A)" ]
    "#;
    as_user(machine, &z, script);
    machine.end("z:");
}

fn mappings_reach_the_server(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    if machine.who() != Who::Root {
        return;
    }
    let z = machine.map("z:", server);
    fs::write(z.join("m"), vec![b'.'; 3 * 4096]).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(z.join("m")).unwrap();
    {
        use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
        // SAFETY: a fresh mapping of a file that nobody shortens while it is used below, and unmapped once.
        unsafe {
            let at = mmap(
                std::ptr::null_mut(),
                3 * 4096,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &file,
                0,
            )
            .unwrap();
            at.cast::<u8>().add(5000).copy_from_nonoverlapping(b"mapped".as_ptr(), 6);
            munmap(at, 3 * 4096).unwrap();
        }
    }
    drop(file);
    machine.end("z:");
    let bytes = fs::read(server.folder().join("m")).unwrap();
    assert_eq!((&bytes[5000..5006], bytes.len()), (&b"mapped"[..], 3 * 4096));
}

fn locks_exclude_each_other(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = r#"
        touch l
        ( exec 9>> l; flock 9; touch locked; exec sleep 60 ) & holder=$!
        until [ -e locked ]; do sleep 0.01; done
        ! flock -n l true
        kill $holder; wait || true
        flock -w 60 l true
        rm l locked
    "#;
    as_user(machine, &z, script);
    machine.end("z:");
}

/// An SMB server sets the time of modification for each handle that has written, and for none through which it was set.
fn times_that_were_set_stay_until_the_next_write(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = r#"
        old() { touch ${2:--h} -d @1234567890 $1; is_old $1; }
        is_old() { [ $(stat -c %Y $1) = 1234567890 ]; }
        is_new() { ! is_old $1; }
        printf once > a; printf twice > a; old a; mv a twice; is_old twice         # by path, after two handles
        printf x > b; exec 3>>b; printf y >&3; old b; exec 3>&-; mv b open; is_old open   # while it is open
        printf x > c; old c; printf y >> c; is_new c                               # written again at once
        exec 3>d; printf x >&3; old d; printf y >&3; exec 3>&-; is_new d           # and through the same handle
        exec 3<>e; printf x >&3; old e -c; exec 3>&-; printf y >> e; is_new e
        printf x > g; exec 3<>g 4<g; printf y >&3; old g -c; exec 3>&-                 # while somebody still reads
        perl -e 'truncate "g", 1'; is_new g; exec 4<&-; is_new g
        is_old f; printf y >> f; is_new f                                          # make(1) would look now
    "#;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    let file = File::create(server.folder().join("f")).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o666)).unwrap();
    file.set_modified(then).unwrap();
    as_user(machine, &z, script);
    machine.end("z:");
    let old = |name: &str| fs::metadata(server.folder().join(name)).unwrap().mtime() == 1_234_567_890;
    assert!(old("twice") && old("open") && !old("c") && !old("d") && !old("e") && !old("g"));
}

#[test]
fn times_to_a_hundred_nanoseconds_over_smb() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    let z = machine.map("z:", &server);
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_700);
    let file = File::create(z.join("t")).unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    assert_eq!(fs::metadata(z.join("t")).unwrap().modified().unwrap(), time);
    assert_eq!(fs::metadata(server.folder().join("t")).unwrap().mtime_nsec(), 123_456_700);
    machine.end("z:");
}

#[test]
fn a_file_of_more_than_four_gigabytes_has_holes() {
    cleardown_tests::needs_root!();
    for protocol in [Protocol::Smb, Protocol::Sftp] {
        let machine = Machine::new(Who::Root);
        let server = Server::start(protocol);
        let z = machine.map("z:", &server);
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(z.join("big")).unwrap();
        let far = 5 * 1024 * 1024 * 1024 + 7;
        file.write_all_at(b"end", far).unwrap();
        file.sync_all().unwrap();
        let mut bytes = [1; 4];
        file.read_exact_at(&mut bytes, far - 1).unwrap();
        assert_eq!(&bytes, b"\0end");
        assert_eq!(file.metadata().unwrap().len(), far + 3);
        drop(file);
        let there = fs::metadata(server.folder().join("big")).unwrap();
        assert_eq!(there.len(), far + 3);
        assert!(there.blocks() * 512 < 1024 * 1024, "the hole takes no room");
        machine.end("z:");
    }
}

#[test]
fn names_of_all_kinds() {
    cleardown_tests::needs_root!();
    for protocol in [Protocol::Smb, Protocol::Sftp] {
        let machine = Machine::new(Who::Root);
        let server = Server::start(protocol);
        let z = machine.map("z:", &server);
        let long = "n".repeat(255);
        let names = [
            "with space",
            "ümläut",
            "日本語",
            "quote'\"",
            "back\\slash",
            "colon:star*",
            "question?<>|",
            "trailing.",
            "trailing ",
            "CON",
            "-dash",
            long.as_str(),
        ];
        for name in names {
            fs::write(z.join(name), name).unwrap_or_else(|error| panic!("{protocol:?} {name:?}: {error}"));
            assert_eq!(fs::read_to_string(z.join(name)).unwrap(), name, "{protocol:?}");
        }
        let mut listed: Vec<String> = fs::read_dir(&z)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        listed.sort();
        let mut wanted = names.map(str::to_owned);
        wanted.sort();
        assert_eq!(listed, wanted, "{protocol:?}");
        let error = fs::write(z.join("n".repeat(256)), "").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(36), "ENAMETOOLONG");
        machine.end("z:");
    }
}

#[test]
fn a_read_only_share_says_so() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let share = ShareDef { read_only: true, ..ShareDef::new("files") };
    let server = Server::samba(Options { shares: vec![share], ..Options::default() });
    fs::write(server.folder().join("a"), "a").unwrap();
    let z = machine.map("z:", &server);
    let error = fs::write(z.join("b"), "b").unwrap_err().raw_os_error();
    assert!(matches!(error, Some(30 | 13)), "EROFS or EACCES, not {error:?}");
    assert!(fs::remove_file(z.join("a")).is_err());
    machine.end("z:");
}

#[test]
fn a_full_disk_is_told_to_the_writer() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let share = ShareDef { tmpfs: Some(4 << 20), ..ShareDef::new("files") };
    let server = Server::samba(Options { shares: vec![share], ..Options::default() });
    let z = machine.map("z:", &server);
    let mut file = File::create(z.join("big")).unwrap();
    let written = (0..16).try_for_each(|_| file.write_all(&vec![7; 1 << 20]));
    let error = written.and_then(|()| file.sync_all()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(28), "ENOSPC");
    drop(file);
    fs::remove_file(z.join("big")).unwrap();
    // With room again (the kernel tells of a close after it has returned), all is well.
    cleardown_tests::eventually("room", || fs::write(z.join("small"), "fits").is_ok());
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("small")).unwrap(), "fits");
}

#[test]
fn modes_travel_where_the_server_keeps_them() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Sftp);
    let z = machine.map("z:", &server);
    OpenOptions::new().write(true).create_new(true).mode(0o640).open(z.join("m")).unwrap();
    fs::set_permissions(z.join("m"), fs::Permissions::from_mode(0o751)).unwrap();
    assert_eq!(fs::metadata(server.folder().join("m")).unwrap().mode() & 0o7777, 0o751);
    symlink("nowhere/else", z.join("s")).unwrap();
    assert_eq!(fs::read_link(server.folder().join("s")).unwrap(), Path::new("nowhere/else"));
    machine.end("z:");
}

/// Whoever is logged on over SFTP, the drive's owner has what is theirs.
#[test]
fn files_of_the_user_who_is_logged_on() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let sshd =
        Sshd::start(SshdOptions { password: Some("unused".into()), ..SshdOptions::default() }).unwrap();
    let id = |flag| {
        let said = std::process::Command::new("id").args([flag, sshd.user()]).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    let (uid, gid) = (id("-u"), id("-g"));
    assert_ne!(uid, Who::User.uid());
    let server = Server::Sftp(sshd);
    let theirs = |path: &Path| chown(path, Some(uid), Some(gid)).unwrap();
    let private = server.folder().join("private");
    theirs(&server.folder());
    fs::write(&private, "secret").unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
    theirs(&private);
    let z = machine.map("z:", &server);
    let script = r#"
        [ "$(cat private)" = secret ]; [ -O private ]; [ -G private ]
        echo made > made; chmod 640 made; [ "$(stat -c '%u %a' made)" = "$(id -u) 640" ]
        chown $(id -u):$(id -g) made; [ -O made ]
    "#;
    as_user(&machine, &z, script);
    machine.end("z:");
    let made = fs::metadata(server.folder().join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (uid, gid));
}

#[test]
fn a_tree_of_a_repository_is_clean_again() {
    cleardown_tests::needs_root!();
    for protocol in [Protocol::Smb, Protocol::Sftp] {
        let machine = Machine::new(Who::Root);
        let server = Server::start(protocol);
        let z = machine.map("z:", &server);
        let script = r#"
            git init -q -b main repo; cd repo; git config user.email a@b; git config user.name a
            git config core.fileMode false
            for n in $(seq 50); do mkdir -p d$((n % 7)); seq $n > d$((n % 7))/f$n; done
            git add .; git commit -qm all
            [ -z "$(git status --porcelain)" ]
            git fsck --strict 2>&1 | grep -v dangling || true
            cd ..; git clone -q repo copy; diff -r --exclude=.git repo copy
            ls -R . >/dev/null; mv copy moved; ls -R . >/dev/null
            exec 3> moved/d1/open; rm -rf repo moved; [ -z "$(ls -A)" ]
        "#;
        as_user(&machine, &z, script);
        machine.end("z:");
        assert_eq!(fs::read_dir(server.folder()).unwrap().count(), 0, "{protocol:?}");
    }
}

#[test]
fn reading_and_writing_at_random_gives_what_a_local_file_gives() {
    cleardown_tests::needs_root!();
    use rand::{RngExt, SeedableRng};
    for protocol in [Protocol::Smb, Protocol::Sftp] {
        let machine = Machine::new(Who::Root);
        let server = Server::start(protocol);
        let z = machine.map("z:", &server);
        let open =
            |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
        let (mut ours, mut twin) = (open(&z.join("r")), open(&machine.path("twin")));
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..400 {
            let at = random.random_range(0..3_000_000u64);
            let len = random.random_range(0..200_000usize);
            match random.random_range(0..5) {
                0 | 1 => {
                    let bytes: Vec<u8> = (0..len).map(|_| random.random()).collect();
                    ours.write_all_at(&bytes, at).unwrap();
                    twin.write_all_at(&bytes, at).unwrap();
                }
                2 => {
                    ours.set_len(at).unwrap();
                    twin.set_len(at).unwrap();
                }
                _ => {
                    let read = |file: &mut File| {
                        let mut bytes = Vec::new();
                        file.seek(SeekFrom::Start(at)).unwrap();
                        file.take(len as u64).read_to_end(&mut bytes).unwrap();
                        bytes
                    };
                    let (ours, twin) = (read(&mut ours), read(&mut twin));
                    let differs = ours.iter().zip(&twin).position(|(a, b)| a != b);
                    let lengths = (ours.len(), twin.len());
                    assert!(ours == twin, "{protocol:?} at {at} {len}: {lengths:?}, from {differs:?}");
                }
            }
        }
        drop(ours);
        machine.end("z:");
        assert!(fs::read(server.folder().join("r")).unwrap() == fs::read(machine.path("twin")).unwrap());
    }
}
