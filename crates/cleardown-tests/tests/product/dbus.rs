//! Programs that know D-Bus and not us: busctl and gdbus on the private socket, with no bus running.

use cleardown_tests::{Answer, Running, Stage, on_every_stage};

on_every_stage!(busctl_and_gdbus_see_the_drive);

const NAME: &str = "org.cleardown.Cleardown1";
const MANAGER: &str = "/org/cleardown/Cleardown1";

fn busctl_and_gdbus_see_the_drive(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let address = format!("unix:path={}", machine.path("run/bus").display());
    let run = |program: &str, args: &[&str]| -> Answer {
        let mut command = machine.program(program);
        command.args(args);
        Running::start(command).answer()
    };
    let at = format!("--address={address}");
    run("busctl", &[&at, "list", "--no-pager"]).ok().says(NAME);
    let tree = run("busctl", &[&at, "tree", NAME, "--no-pager", "--list"]).ok().says(MANAGER);
    let object =
        tree.out.lines().find(|line| line.contains("/connection/")).expect("an object").trim().to_owned();
    run("busctl", &[&at, "introspect", NAME, &object, "--no-pager"])
        .ok()
        .says("org.cleardown.Connection1")
        .says("PendingBytes");
    run("busctl", &[&at, "get-property", NAME, &object, "org.cleardown.Connection1", "Name"]).ok().says("z:");
    run("busctl", &[&at, "call", NAME, MANAGER, "org.cleardown.Manager1", "Version"]).ok();
    run("gdbus", &["introspect", "--address", &address, "--dest", NAME, "--object-path", MANAGER])
        .ok()
        .says("org.cleardown.Manager1");
    let status = ["--method", "org.cleardown.Manager1.Status", "z:"];
    run(
        "gdbus",
        &[&["call", "--address", &address, "--dest", NAME, "--object-path", MANAGER][..], &status].concat(),
    )
    .ok()
    .says("connected");
    // What fails says what and with which number.
    let status = ["--method", "org.cleardown.Manager1.Status", "y:"];
    run(
        "gdbus",
        &[&["call", "--address", &address, "--dest", NAME, "--object-path", MANAGER][..], &status].concat(),
    )
    .exits(1)
    .says("org.cleardown.Error.NotConnected");
    machine.end("z:");
}
