//! Dialling and ending: beside what the protocol itself needs, and beside NetworkManager.

use std::io;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cleardown_client::Secret;
use cleardown_core::link::{Device, WireGuardPeer};
use cleardown_core::request::Which;
use cleardown_link::engine::{self, Order, Plan, Report, Talk};
use cleardown_link::line::{Line, Open};
use cleardown_link::peer::Peer;
use cleardown_link::ppp::session::{Config, Event};
use cleardown_testkit::Namespace;
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::manager::{Manager, gap};
use super::rows::{Section, ms};
use super::stage::{self, Stage};

/// The deadline of an end whose peer is deaf.
const DEADLINE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let about = "PPP over a Unix socket, WireGuard with wireguard-go in another namespace. The protocol's own time: two \
        of our engines over a socket pair, without daemon, worker and interface. Medians; the worst in brackets.";
    let mut section = Section::new("Dialling and ending links", about, &["what", "", "goal"]);
    let runtime = stage::runtime()?;
    runtime.block_on(async {
        let mut stage = Stage::new().await?;
        for _ in 0..if quick { 5 } else { 25 } {
            bare(&mut section).await?;
            once(&mut stage, &mut section).await?;
        }
        for _ in 0..if quick { 1 } else { 5 } {
            deaf(&mut stage, &mut section).await?;
        }
        if let Err(error) = wireguard(&stage, quick, &mut section).await {
            section.note(format!("WireGuard, left out: {error}"));
        }
        stage.close().await
    })?;
    if let Err(error) = of_manager(quick, &mut section) {
        section.note(format!("NetworkManager, left out: {error}"));
    }
    lines(&mut section);
    Ok(section)
}

/// The protocol alone.
async fn bare(section: &mut Section) -> io::Result<()> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let start = Instant::now();
    let _peer = Peer::answer(theirs, &stage::options(0))?;
    let (talk, orders, mut reports) = Talk::new();
    let config = Config { seed: [7; 32], asks_dns: false, ..Config::default() };
    let plan = Plan { line: Line::Command { argv: Vec::new() }, modem: None, ppp: config };
    let engine = tokio::spawn(engine::run_on(Open::stream(ours)?, plan, talk));
    while let Some(report) = reports.recv().await {
        match report {
            Report::Ppp(Event::NetworkSettled) => break,
            Report::Ended(end) => return Err(io::Error::other(end.words().to_owned())),
            _ => {}
        }
    }
    section.took("dial, protocol", start.elapsed());
    let start = Instant::now();
    let _ = orders.send(Order::HangUp((start + PATIENCE).into())).await;
    while reports.recv().await.is_some_and(|report| !matches!(report, Report::Ended(_))) {}
    section.took("end, protocol", start.elapsed());
    engine.await.map_err(io::Error::other)
}

/// A link from its dial to its end.
async fn once(stage: &mut Stage, section: &mut Section) -> io::Result<()> {
    let link = stage.dial("office").await?;
    section.took("dial", link.took);
    let interface = stage::interface(&link.connection)?;
    let start = Instant::now();
    let ended = stage.end(Which::Names(vec!["office".into()]), None).await?;
    section.took("end", start.elapsed());
    section.took("gap", gap(&interface));
    proven(&ended)
}

fn proven(ended: &[cleardown_core::view::Ended]) -> io::Result<()> {
    match ended.first().map(|ended| ended.unproven.join(", ")) {
        Some(unproven) if unproven.is_empty() => Ok(()),
        Some(unproven) => Err(io::Error::other(format!("unproven: {unproven}"))),
        None => Err(io::Error::other("nothing has ended")),
    }
}

/// A peer that does not answer any more.
async fn deaf(stage: &mut Stage, section: &mut Section) -> io::Result<()> {
    let mut link = stage.dial("deaf").await?;
    let interface = stage::interface(&link.connection)?;
    link.peer.go_deaf().await;
    let start = Instant::now();
    let ended = stage.end(Which::Names(vec!["deaf".into()]), Some(DEADLINE)).await?;
    section.took("deaf", start.elapsed());
    section.took("gap", gap(&interface));
    match ended.first().and_then(|ended| ended.proof.link()) {
        Some(proof) if !proof.peer_acknowledged && proof.interface_gone => Ok(()),
        proof => Err(io::Error::other(format!("a deaf peer's end: {proof:?}"))),
    }
}

/// Against wireguard-go at the far end of a cable.
async fn wireguard(stage: &Stage, quick: bool, section: &mut Section) -> io::Result<()> {
    let far = Foreign::start()?;
    let peer = WireGuardPeer {
        public_key: far.public.clone(),
        endpoint: Some(format!("{}:51820", Foreign::ADDRESS)),
        allowed_ips: vec!["10.77.0.0/24".parse().map_err(io::Error::other)?],
        keepalive_seconds: None,
    };
    let device = Device::WireGuard { listen_port: None, engine: None, peers: vec![peer] };
    let mut entry = stage::entry("vpn", device)?;
    entry.network.addresses = vec!["10.77.0.2/32".parse().map_err(io::Error::other)?];
    let request = stage::given(entry);
    for _ in 0..if quick { 2 } else { 10 } {
        let start = Instant::now();
        let secret = Secret::new(far.private.clone());
        let connection = stage.client.dial(&request, Some(secret), |_| {}).await.map_err(io::Error::other)?;
        section.took("dial, wireguard", start.elapsed());
        let start = Instant::now();
        stage.end(Which::Names(vec!["vpn".into()]), None).await?;
        section.took("end, wireguard", start.elapsed());
        section.took("gap", gap(&stage::interface(&connection)?));
    }
    Ok(())
}

/// wireguard-go in another namespace.
struct Foreign {
    private: String,
    public: String,
    process: std::process::Child,
    _namespace: Namespace,
}

impl Foreign {
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    fn start() -> io::Result<Foreign> {
        let far = Namespace::new();
        let there = far.path().display().to_string();
        ip(&["link", "add", "net0", "type", "veth", "peer", "name", "net0", "netns", &there])?;
        ip(&["address", "add", "192.0.2.1/24", "dev", "net0"])?;
        ip(&["link", "set", "net0", "up"])?;
        far.ip(&["address", "add", "192.0.2.2/24", "dev", "net0"]);
        far.ip(&["link", "set", "net0", "up"]);
        // Its control socket is there.
        far.run(|| mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), None))?;
        let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut command = far.command("wireguard-go");
        let process = quiet(command.args(["-f", "wg0"]))
            .map_err(|error| io::Error::new(error.kind(), format!("wireguard-go: {error}")))?;
        let (private, theirs) = (wg(&["genkey"], "")?, wg(&["genkey"], "")?);
        let public = wg(&["pubkey"], &theirs)?;
        let foreign = Foreign { public, process, _namespace: far, private };
        let key = stage::home()?.join("wireguard.key");
        std::fs::write(&key, theirs)?;
        let ours = wg(&["pubkey"], &foreign.private)?;
        let set = format!(
            "wg set wg0 listen-port 51820 private-key {} peer {ours} allowed-ips 10.77.0.2/32 2>/dev/null && \
             ip address add 10.77.0.1/24 dev wg0 && ip link set wg0 up",
            key.display()
        );
        let until = Instant::now() + PATIENCE;
        while !foreign._namespace.command("sh").args(["-c", &set]).status()?.success() {
            if Instant::now() > until {
                return Err(io::Error::other("wireguard-go does not start"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(foreign)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ip(args: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(args).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("ip: {}", String::from_utf8_lossy(&output.stderr).trim()))),
    }
}

fn wg(args: &[&str], input: &str) -> io::Result<String> {
    use std::io::Write as _;
    let mut command = Command::new("wg");
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut to) = child.stdin.take() {
        to.write_all(input.as_bytes())?;
    }
    Ok(String::from_utf8_lossy(&child.wait_with_output()?.stdout).trim().to_owned())
}

/// A TUN connection of NetworkManager's, up and down.
fn of_manager(quick: bool, section: &mut Section) -> io::Result<()> {
    let manager = Manager::start(1)?;
    for _ in 0..if quick { 2 } else { 7 } {
        section.took("down, nmcli", manager.nmcli(&["connection", "down", "link0"])?);
        section.took("gap, nmcli", manager.gap("nm0"));
        section.took("up, nmcli", manager.nmcli(&["connection", "up", "link0"])?);
    }
    Ok(())
}

fn lines(section: &mut Section) {
    let both =
        |section: &Section, name: &str| format!("{} ({})", ms(section.median(name)), ms(section.worst(name)));
    let beyond = |section: &Section, what: &str| {
        ms(section.median(what) - section.median(&format!("{what}, protocol")))
    };
    for (what, name, goal) in [
        ("dial to connected, PPP", "dial", ""),
        ("of which the protocol alone", "dial, protocol", ""),
        ("end, PPP, acknowledged", "end", ""),
        ("of which the protocol alone", "end, protocol", ""),
        ("dial to connected, WireGuard, handshake included", "dial, wireguard", ""),
        ("end, WireGuard", "end, wireguard", "<= 50 ms"),
        ("interface still there after `end` has returned", "gap", "none"),
        ("`nmcli connection up` (TUN)", "up, nmcli", ""),
        ("`nmcli connection down` (TUN)", "down, nmcli", ""),
        ("interface still there after `nmcli` has returned", "gap, nmcli", ""),
    ] {
        section.row(&[what, &both(section, name), goal]);
    }
    section.row(&["dial, beyond the protocol's own time", &beyond(section, "dial"), "<= 20 ms"]);
    section.row(&["end, beyond the protocol's own time", &beyond(section, "end"), "<= 50 ms"]);
    let deaf = both(section, "deaf");
    section.row(&["end, deaf peer, deadline of 1 s", &deaf, "not later"]);
}
