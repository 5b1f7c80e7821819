//! The old words: `net use`, in the words and with the exit codes of Windows.

use cleardown_testkit::{Options, ShareDef};
use cleardown_tests::{Machine, Running, Server, Who, is_mounted};

/// A share for guests: `net use` takes passwords from the terminal only.
fn guest_server() -> Server {
    let share = ShareDef { guest: true, ..ShareDef::new("open") };
    Server::samba(Options { guest: true, shares: vec![share], ..Options::default() })
}

/// `net use` prints UNC names without a port, so the server's port travels in a URL.
#[test]
fn a_drive_is_added_listed_and_deleted() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = guest_server();
    let net = |args: &[&str]| machine.run(&[&["net", "use"], args].concat());
    net(&[]).ok().says("There are no entries in the list.");
    net(&["z:", &server.remote()]).ok().says("The command completed successfully.");
    net(&[]).ok().says("Z:").says("OK");
    net(&["z:"]).ok().says("Local name").says("Z:");
    net(&["Z:", &server.remote()]).exits(2).says("System error 85 has occurred.");
    net(&["z:", "/delete"]).ok().says("Z: was deleted successfully.");
    net(&["z:", "/delete"]).exits(2).says("The network connection could not be found.").says("2250");
    net(&["z:", "/nonsense"]).exits(1).says("The syntax of this command is:");
}

#[test]
fn what_is_remembered_without_a_word() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = guest_server();
    let net = |args: &[&str]| machine.run(&[&["net", "use"], args].concat()).ok();
    let remembered = |name: &str| machine.connection(name).unwrap()["remembered"] == true;
    net(&["/persistent:no"]).says("The command completed successfully.");
    net(&[]).says("New connections will not be remembered.");
    net(&["z:", &server.remote()]);
    assert!(!remembered("z:"));
    net(&["y:", &server.remote(), "/persistent:yes"]);
    assert!(remembered("y:"));
    // What was said last holds for the next one.
    net(&["x:", &server.remote()]);
    assert!(remembered("x:"));
    net(&["*", "/delete", "/yes"]);
}

/// `net use \\server\IPC$` logs on, and nothing more.
#[test]
fn logging_on_to_a_server() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = guest_server();
    let pipes = server.pipes();
    let net = |args: &[&str]| machine.run(&[&["net", "use"], args].concat());
    net(&["z:", &pipes]).exits(2).says("System error 66 has occurred.");
    net(&[&pipes]).ok().says("The command completed successfully.");
    net(&[&pipes, "/delete"]).ok();
}

#[test]
fn the_binary_may_be_called_net() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let link = machine.path("net");
    std::os::unix::fs::symlink(machine.command(&[]).get_program(), &link).unwrap();
    let mut command = machine.program(&link);
    command.arg("use");
    Running::start(command).answer().ok().says("There are no entries in the list.");
}

#[test]
fn a_star_takes_the_first_free_letter_and_deletes_all() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = guest_server();
    let net = |args: &[&str]| machine.run(&[&["net", "use"], args].concat());
    net(&["*", &server.remote()]).ok().says("Drive Z: is now connected to");
    net(&["*", &server.remote()]).ok().says("Drive Y: is now connected to");
    net(&["*", "/delete", "/y"]).ok().says("You have these remote connections:");
    assert!(machine.list().is_empty());
}

#[test]
fn open_files_are_forced_closed_only_with_yes() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = guest_server();
    let net = |args: &[&str]| machine.run(&[&["net", "use"], args].concat());
    net(&["z:", &server.remote()]).ok();
    let at = machine.connection("z:").unwrap()["where"].as_str().unwrap().to_owned();
    let holder = machine.script(&format!("cd {at}; exec sleep 600"));
    cleardown_tests::eventually("a holder", || {
        !machine.connection("z:").unwrap()["holders"].as_array().unwrap().is_empty()
    });
    net(&["z:", "/delete", "/no"]).exits(2).says("There are open files").says(&holder.pid().to_string());
    net(&["z:", "/delete", "/yes"]).ok().says("Z: was deleted successfully.");
    assert!(!is_mounted(std::path::Path::new(&at)));
}
