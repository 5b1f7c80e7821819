//! Our PPP against pppd in a kernel of its own (user-mode-linux), over one end of a socket pair.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail at once, and says when it is skipped"
)]

mod common;

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cleardown_link::engine::{End, Order, Plan, Report, Talk, Why, run_on};
use cleardown_link::line::{Line, Open};
use cleardown_link::ppp::auth::client::Identity;
use cleardown_link::ppp::session::{Config, Event, Reason};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 2);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 53);
const PATIENCE: Duration = Duration::from_secs(60);

/// The guest's first process: the host's files, read-only, are its root.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /run/ppp-etc /dev/pts /run/lock; mount --bind /run/ppp-etc /etc/ppp
for module in drivers/net/slip/slhc lib/crc-ccitt drivers/net/ppp/ppp_generic drivers/net/ppp/ppp_async; do
  busybox insmod MODULES/kernel/$module.ko
done
[ -e /dev/ppp ] || mknod /dev/ppp c 108 0
printf '* * secret *\n' > /etc/ppp/pap-secrets; cp /etc/ppp/pap-secrets /etc/ppp/chap-secrets; : > /etc/ppp/options
ip link set lo up
while :; do
  pppd /dev/ttyS0 115200 nodetach local nocrtscts passive lcp-max-configure 60 name server ms-dns 10.64.0.53 \
    10.64.0.1:10.64.0.2 AUTH
done
"#;

/// pppd, waiting on a line. Dropping it switches its machine off.
struct Pppd {
    machine: Child,
    line: Option<OwnedFd>,
    _folder: tempfile::TempDir,
}

impl Pppd {
    /// None, with a word on standard error, where the machine lacks something.
    fn start(auth: &str) -> Option<Pppd> {
        let modules = std::fs::read_dir("/usr/lib/uml/modules").ok().and_then(|mut all| all.next()?.ok());
        let programs = ["/usr/bin/linux.uml", "/usr/sbin/pppd", "/usr/bin/busybox"];
        let missing = programs.iter().find(|program| !Path::new(program).exists());
        let (Some(modules), None) = (modules, missing) else {
            eprintln!("SKIPPED: needs user-mode-linux, ppp and busybox");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let init = folder.path().join("init");
        let script = INIT.replace("MODULES", modules.path().to_str().unwrap()).replace("AUTH", auth);
        std::fs::write(&init, script).unwrap();
        std::fs::set_permissions(&init, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut command = Command::new("/usr/bin/linux.uml");
        command
            .args([
                "mem=96M",
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                "con=null",
                "con0=null,fd:1",
                "ssl=null",
            ])
            .args(["ssl0=fd:63", "console=tty0", "quiet", "loglevel=3", "panic=-1"])
            .arg(format!("init={}", init.display()))
            .env("TMPDIR", "/dev/shm")
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let line = theirs.as_raw_fd();
        // SAFETY: dup2 is async-signal-safe, and nothing else happens between fork and exec.
        unsafe {
            command.pre_exec(move || match libc::dup2(line, 63) {
                63 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let machine = command.spawn().unwrap();
        Some(Pppd { machine, line: Some(ours), _folder: folder })
    }
}

impl Drop for Pppd {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.machine);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.machine.wait();
    }
}

struct Link {
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
}

impl Link {
    fn dial(line: OwnedFd, password: &str) -> Link {
        let identity = Identity { user: "client".into(), secret: password.to_owned().into() };
        let ppp = Config { identity: Some(identity), seed: [5; 32], ..Config::default() };
        let unused = Line::Command { argv: Vec::new() };
        let (talk, orders, reports) = Talk::new();
        let plan = Plan { line: unused, modem: None, ppp };
        tokio::spawn(run_on(Open::stream(line).unwrap(), plan, talk));
        Link { orders, reports }
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
        loop {
            let report = timeout(PATIENCE, self.reports.recv()).await.expect("a report in time");
            let report = report.expect("an engine at work");
            if let Some(found) = wanted(&report) {
                return found;
            }
            assert!(!matches!(report, Report::Ended(_)), "the link ended: {report:?}");
        }
    }

    async fn end(&mut self) -> End {
        self.until(|report| if let Report::Ended(end) = report { Some(end.clone()) } else { None }).await
    }
}

async fn right_and_wrong_password(auth: &str, checks: bool) {
    let Some(mut pppd) = Pppd::start(auth) else { return };
    let line = pppd.line.take().unwrap();
    let mut link = Link::dial(line.try_clone().unwrap(), "secret");
    let (local, remote, dns) = link
        .until(|report| match report {
            Report::Ppp(Event::Ipv4Up { local, remote, dns }) => Some((*local, *remote, dns.clone())),
            _ => None,
        })
        .await;
    assert_eq!((local, remote, &dns[..]), (OURS, THEIRS, &[DNS, DNS][..]));
    ping(&link).await;
    link.orders.send(Order::HangUp(Instant::now() + Duration::from_secs(5))).await.unwrap();
    let end = link.end().await;
    assert_eq!(
        end,
        End { why: Why::Ppp(Reason::Asked), ran: true, acknowledged: true, device_answers: None }
    );
    if checks {
        let end = Link::dial(line, "guess").end().await;
        assert_eq!(end.code().0, 691, "{end:?}");
    }
}

/// One ICMP echo through the link, whose interface is a socket pair.
async fn ping(link: &Link) {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    link.orders.send(Order::Interface(theirs)).await.unwrap();
    common::ping(ours, OURS, THEIRS).await;
}

#[tokio::test]
async fn pppd_without_authentication() {
    right_and_wrong_password("noauth", false).await;
}

#[tokio::test]
async fn pppd_with_pap() {
    right_and_wrong_password("auth +pap -chap -mschap -mschap-v2", true).await;
}

#[tokio::test]
async fn pppd_with_chap_md5() {
    right_and_wrong_password("auth +chap -pap -mschap -mschap-v2", true).await;
}

#[tokio::test]
async fn pppd_with_mschap_v2() {
    right_and_wrong_password("auth +mschap-v2 -pap -chap -mschap", true).await;
}

#[tokio::test]
async fn pppd_that_refuses_every_network_protocol_is_720() {
    let Some(mut pppd) = Pppd::start("noauth noip noipv6") else { return };
    let end = Link::dial(pppd.line.take().unwrap(), "secret").end().await;
    assert_eq!((end.code().0, end.ran), (720, false), "{end:?}");
}
