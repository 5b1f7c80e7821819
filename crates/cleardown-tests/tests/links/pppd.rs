//! A link to pppd, in a kernel of its own (user-mode-linux): somebody else's idea of PPP.

use std::fs;
use std::path::PathBuf;

use cleardown_testkit::{Namespace, pppd};
use cleardown_tests::{Machine, Who, needs_root};
use rustix::process::{Pid, Signal, kill_process};

use crate::exchange::ping;

/// Ends the guest's processes, should any be left.
struct Guest(PathBuf);

impl Drop for Guest {
    fn drop(&mut self) {
        let word = format!("init={}", self.0.display());
        let pids = fs::read_dir("/proc").unwrap().flatten();
        for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.windows(word.len()).any(|part| part == word.as_bytes()) {
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        }
    }
}

#[test]
fn pppd_is_dialled_pinged_and_says_farewell() {
    needs_root!();
    let folder = tempfile::tempdir().unwrap();
    let run = format!("exec {} auth require-mschap-v2", pppd::PPPD);
    let Some(init) = pppd::init(folder.path(), "tiger", &run) else { return };
    let namespace = Namespace::new();
    let before = namespace.snapshot();
    let machine = Machine::new(Who::Root).in_namespace(namespace);
    let guest = Guest(init.clone());
    let password = machine.file("password", "tiger\n");
    machine.folder("config/phonebook");
    // Its line is standard input and output, so it is the device of an entry; the program's own words go elsewhere.
    let start = format!(
        "exec 63<&0 </dev/null >/dev/null 2>&1; TMPDIR=/dev/shm exec {} {} init={}",
        pppd::KERNEL,
        pppd::ARGUMENTS.join(" "),
        init.display()
    );
    machine.file(
        "config/phonebook/pppd.toml",
        format!(
            "name = \"pppd\"\nuser = \"eve\"\n[device]\ntype = \"command\"\nargv = [\"/bin/bash\", \"-c\", {start:?}]\n"
        ),
    );
    machine.run(&["dial", "pppd", "--json", "--password-file", password.to_str().unwrap()]).ok();
    let listed = machine.connection("pppd").unwrap();
    assert_eq!(listed["link"]["addresses"][0], "10.64.0.2/32", "{listed}");
    assert_eq!(listed["link"]["dns"][0], "10.64.0.53", "{listed}");
    assert!(machine.namespace().run(|| ping([10, 64, 0, 1].into())).unwrap(), "pppd's kernel answers pings");
    let answer = machine.run(&["end", "pppd", "--json", "--timeout", "20"]).ok();
    assert_eq!(answer.json()["ended"][0]["proof"]["peer_acknowledged"], true, "{answer}");
    assert_eq!(before, machine.namespace().snapshot());
    drop(guest);
}
