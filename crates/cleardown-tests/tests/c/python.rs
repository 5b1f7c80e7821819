//! The libraries and the bus from Python, without a compiler.

use cleardown_tests::{Machine, Who, needs_root};

use crate::kit::{Stage, prefix, python};

fn command(script: &str, args: &[&str]) -> String {
    let words: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    format!("exec python3 '{}' {}", python(script).display(), words.join(" "))
}

#[test]
fn python_connects_and_ends_a_drive() {
    needs_root!();
    let stage = Stage::new();
    let lib = prefix().join("lib");
    let file = stage.machine.file("password", format!("{}\n", stage.password()));
    let script = command("drives.py", &[lib.to_str().unwrap(), "z:", &stage.remote(), "eve"]);
    let answer = stage.machine.script(&format!("{script} < '{}'", file.display())).answer().ok();
    answer.says(&format!("z: is connected to {}", stage.remote())).says("z: has ended");
    let wrong = stage.machine.file("password", "wrong\n");
    let answer = stage.machine.script(&format!("{script} < '{}'", wrong.display())).answer().exits(1);
    answer.says("error 1326: Cleardown SMB: ");
}

#[test]
fn python_lists_links_and_asks_the_bus() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    let lib = prefix().join("lib");
    machine.script(&command("links.py", &[lib.to_str().unwrap()])).answer().ok().says("0 links");
    let stage = Stage::new();
    stage.connect("z:", false);
    let bus = stage.machine.path("run/bus");
    stage.machine.script(&command("bus.py", &[bus.to_str().unwrap()])).answer().ok().says("connected  z:");
}
