//! The C interface: what a call that only reads costs, beside the same question through D-Bus by hand, and beside nmcli.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cleardown_client::{Client, Secret};
use cleardown_core::request::{MapRequest, Name};
use serde::Deserialize;

use super::by_hand::{ByHand, Call};
use super::manager::Manager;
use super::rows::{Section, times};
use super::stage::{self, LINKS, Stage};

const PROGRAM: &str = include_str!("calls.c");
const PASSWORD: &str = "bench-password";

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let about = format!(
        "{LINKS} live links and one drive. From C through `librasapi32.so` and `libmpr.so`; by hand: a prepared D-Bus \
         message on the daemon's socket, whose answer is read and not looked at. In turn; medians."
    );
    let mut section =
        Section::new("Calls from C", &about, &["call", "calls per second", "times the same by hand", "goal"]);
    let program = compile()?;
    let manager = Manager::start(LINKS);
    let runtime = stage::runtime()?;
    runtime.block_on(async {
        let mut stage = Stage::new().await?;
        let _drive = Server::start(&stage.client).await?;
        let _links = stage.dial_many(LINKS).await?;
        for _ in 0..if quick { 3 } else { 9 } {
            round(&program, manager.as_ref().ok(), &mut section)?;
        }
        stage.close().await
    })?;
    if let Err(error) = manager {
        section.note(format!("NetworkManager, left out: {error}"));
    }
    lines(&mut section);
    Ok(section)
}

fn round(program: &Path, manager: Option<&Manager>, section: &mut Section) -> io::Result<()> {
    const CALLS: usize = 30;
    let socket = cleardown_ipc::Location::of(cleardown_ipc::Instance::User).socket();
    for (name, call) in [
        ("ping, by hand", Call::ping()),
        ("ras, by hand", Call::list(None)),
        ("wnet, by hand", Call::list(Some("z:"))),
    ] {
        let mut hand = ByHand::connect(&socket)?;
        hand.call(&call)?;
        for _ in 0..CALLS {
            let (took, octets) = hand.call(&call)?;
            section.add(name, took.as_secs_f64() * 1e6);
            section.add(&format!("{name}, octets"), octets as f64);
        }
    }
    for (name, args) in [("ras", &["ras"][..]), ("wnet", &["wnet"])] {
        let mut command = Command::new(program);
        command.arg(args[0]).arg(CALLS.to_string()).args(&args[1..]);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("the program that calls {name}: {}", output.status)));
        }
        for line in output.stdout.lines() {
            section.add(name, line?.parse().map_err(io::Error::other)?);
        }
    }
    if let Some(manager) = manager {
        section.add("nmcli", manager.nmcli(&["connection", "show", "--active"])?.as_secs_f64() * 1e6);
    }
    Ok(())
}

fn lines(section: &mut Section) {
    let per_second = |section: &Section, name: &str| match 1e6 / section.median(name) {
        rate if rate.is_nan() => "-".to_owned(),
        rate => format!("{rate:.0}"),
    };
    for (what, name, goal) in [
        (format!("RasEnumConnections, {LINKS} links"), "ras", "<= 1.5"),
        ("WNetGetConnection".to_owned(), "wnet", "<= 1.5"),
    ] {
        let hand = format!("{name}, by hand");
        let ratio = times(section.median(name) / section.median(&hand));
        let own = per_second(section, name);
        section.row(&[&what, &own, &ratio, goal]);
        let by_hand = per_second(section, &hand);
        let octets = section.median(&format!("{hand}, octets"));
        section.row(&[&format!("the same by hand ({octets:.0} octets)"), &by_hand, "1", ""]);
    }
    let ping = per_second(section, "ping, by hand");
    section.row(&["`org.freedesktop.DBus.Peer.Ping` by hand: the bare round trip", &ping, "", ""]);
    let nmcli = per_second(section, "nmcli");
    section.row(&["`nmcli connection show --active`, a process each", &nmcli, "", ""]);
}

/// Installs the libraries below the part's home, and compiles the program with them.
fn compile() -> io::Result<PathBuf> {
    let home = stage::home()?;
    let prefix = home.join("prefix");
    let built = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
    let mut install = Command::new(built.join("xtask"));
    done(install.args(["install", "--prefix"]).arg(&prefix).arg("--built").arg(&built))?;
    let (source, program) = (home.join("calls.c"), home.join("calls"));
    std::fs::write(&source, PROGRAM)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-Wall", "-o"]).arg(&program).arg(&source);
    compiler.arg("-I").arg(prefix.join("include/cleardown")).arg("-L").arg(prefix.join("lib"));
    compiler.args(["-lmpr", "-lrasapi32"]).arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
    done(&mut compiler)?;
    Ok(program)
}

fn done(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{}: {}",
            command.get_program().display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

/// A drive under `z:`, and its server.
struct Server(Child);

#[derive(Deserialize)]
struct Ready {
    port: u16,
    user: String,
    fingerprint: String,
}

impl Server {
    async fn start(client: &Client) -> io::Result<Server> {
        let home = stage::home()?;
        let (root, point) = (home.join("served"), home.join("z"));
        std::fs::create_dir_all(&root)?;
        let mut command = Command::new(cleardown_client::daemon_program());
        command.args(["sftp-server", "--password-fd", "0", "--root"]).arg(&root);
        let mut server = Server(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        // It ends when its standard input does.
        if let Some(input) = &mut server.0.stdin {
            writeln!(input, "{PASSWORD}")?;
        }
        let mut line = String::new();
        if let Some(output) = server.0.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let ready: Ready = serde_json::from_str(&line)?;
        let remote = format!("sftp://{}@127.0.0.1:{}/", ready.user, ready.port);
        let request = MapRequest {
            name: Name::Given("z:".parse().map_err(io::Error::other)?),
            remote: remote.parse().map_err(io::Error::other)?,
            at: Some(point.display().to_string()),
            remember: false,
            read_only: false,
            user: None,
            replace: false,
            kerberos: None,
            accept_host_key: Some(ready.fingerprint),
            timeout_ms: 10_000,
        };
        let secret = Secret::new(PASSWORD.to_owned());
        client.map(&request, Some(secret), |_| {}).await.map_err(io::Error::other)?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
