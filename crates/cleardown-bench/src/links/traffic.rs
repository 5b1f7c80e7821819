//! What a link carries: one TCP stream through a pair of TUN interfaces, which a plain copier joins, or PPP.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::link::Device;
use cleardown_core::request::Which;
use cleardown_kernel::net::Tun;
use cleardown_link::peer::Peer;
use cleardown_testkit::Namespace;
use tokio::net::UnixListener;

use super::rows::{Section, times};
use super::stage::{self, Stage};

const COPIER: &str = "copier";
const PPP: &str = "ppp";
const PLAIN: &str = "ppp, plain peer";
/// Of each figure; more goes before it, to let TCP find its speed.
const WARM_UP: Duration = Duration::from_millis(300);

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let about = "One TCP stream between two network namespaces, each with a TUN interface of MTU 1500. The copier: one \
        thread for each direction that reads a packet here and writes it there. PPP: a link over a Unix socket, carried \
        by its worker here and by a peer with our own engine there, on interfaces as the daemon makes them, which pass TCP's long \
        segments whole (the copier's do not); then by a peer whose interface takes and gives single packets, as others' do. In \
        turn; medians.";
    let columns = [
        "Mbit/s",
        "copier",
        "PPP",
        "times the copier",
        "goal",
        "PPP, peer of single packets",
        "times the copier",
    ];
    let mut section = Section::new("What a link carries", about, &columns);
    let far = Namespace::new();
    copier(&far)?;
    let runtime = stage::runtime()?;
    let (stage, peers) = runtime.block_on(async {
        let stage = Stage::new().await?;
        let ours = ppp(&stage, &far, 0, "carrier", || Tun::create_offloading("ppp0")).await?;
        let plain = ppp(&stage, &far, 1, "plain", || Tun::create("ppp1")).await?;
        io::Result::Ok((stage, [ours, plain]))
    })?;
    let time = Duration::from_millis(if quick { 700 } else { 2_000 });
    for _ in 0..if quick { 2 } else { 7 } {
        for (name, near_address, far_address) in [
            (COPIER, Ipv4Addr::new(10, 90, 0, 1), Ipv4Addr::new(10, 90, 0, 2)),
            (PPP, stage::options(0).caller, stage::options(0).address),
            (PLAIN, stage::options(1).caller, stage::options(1).address),
        ] {
            let out = stream(None, Some(&far), far_address, time)?;
            section.add(&format!("{name}, out"), out);
            let back = stream(Some(&far), None, near_address, time)?;
            section.add(&format!("{name}, in"), back);
        }
    }
    for (what, way) in [("towards the peer", "out"), ("from the peer", "in")] {
        let [copier, ppp, plain] = [COPIER, PPP, PLAIN].map(|name| section.median(&format!("{name}, {way}")));
        let [shown, shown_ppp, shown_plain] = [copier, ppp, plain].map(|rate| format!("{rate:.0}"));
        let (ppp, plain) = (times(ppp / copier), times(plain / copier));
        section.row(&[what, &shown, &shown_ppp, &ppp, ">= 0.7", &shown_plain, &plain]);
    }
    runtime.block_on(async {
        stage.end(Which::Names(vec!["carrier".into(), "plain".into()]), None).await?;
        drop(peers);
        stage.close().await
    })?;
    Ok(section)
}

/// In a namespace; none: our own.
fn run<T: Send>(namespace: Option<&Namespace>, work: impl FnOnce() -> T + Send) -> T {
    match namespace {
        Some(namespace) => namespace.run(work),
        None => work(),
    }
}

/// Mbit/s of one TCP stream.
fn stream(from: Option<&Namespace>, to: Option<&Namespace>, at: Ipv4Addr, time: Duration) -> io::Result<f64> {
    let listener = run(to, || TcpListener::bind(SocketAddr::from((at, 0))))?;
    let address = listener.local_addr()?;
    let mut sender = run(from, || TcpStream::connect_timeout(&address, Duration::from_secs(10)))?;
    let (mut receiver, _) = listener.accept()?;
    receiver.set_read_timeout(Some(Duration::from_secs(10)))?;
    sender.set_write_timeout(Some(Duration::from_secs(10)))?;
    let until = Instant::now() + WARM_UP + time;
    let sending = std::thread::spawn(move || -> io::Result<()> {
        let data = vec![0x5a; 128 << 10];
        while Instant::now() < until {
            sender.write_all(&data)?;
        }
        Ok(())
    });
    let mut buffer = vec![0; 256 << 10];
    let (begin, mut received) = (Instant::now() + WARM_UP, 0);
    let mut end = begin;
    loop {
        let read = receiver.read(&mut buffer)?;
        let now = Instant::now();
        if read == 0 {
            break;
        }
        if now > begin && now < until {
            received += read;
            end = now;
        }
    }
    sending.join().map_err(|_| io::Error::other("the sender panicked"))??;
    Ok(received as f64 * 8.0 / (end - begin).as_secs_f64() / 1e6)
}

/// Two TUN interfaces that are joined by the simplest program that can.
fn copier(far: &Namespace) -> io::Result<()> {
    let here = Arc::new(interface(None, "10.90.0.1", "10.90.0.2", || Tun::create("copy0"))?);
    let there = Arc::new(interface(Some(far), "10.90.0.2", "10.90.0.1", || Tun::create("copy0"))?);
    for (from, to) in [(here.clone(), there.clone()), (there, here)] {
        rustix::io::ioctl_fionbio(&from, false)?;
        // They end with the process.
        std::thread::spawn(move || {
            let mut packet = vec![0; 2048];
            while let Ok(length) = rustix::io::read(&from, &mut packet) {
                let _ = rustix::io::write(&to, &packet[..length]);
            }
        });
    }
    Ok(())
}

/// A TUN interface that is up.
fn interface(
    namespace: Option<&Namespace>,
    own: &str,
    peer: &str,
    create: impl FnOnce() -> cleardown_core::Result<Tun> + Send,
) -> io::Result<OwnedFd> {
    run(namespace, || {
        let tun = create().map_err(io::Error::other)?;
        let name = &tun.interface().name;
        let script = format!("ip address add {own} peer {peer} dev {name} && ip link set {name} mtu 1500 up");
        match Command::new("sh").args(["-c", &script]).status()?.success() {
            true => Ok(tun.into()),
            false => Err(io::Error::other("the interface does not come up")),
        }
    })
}

/// A link, and a peer with an interface in the other namespace.
async fn ppp(
    stage: &Stage,
    far: &Namespace,
    number: u32,
    name: &str,
    create: impl FnOnce() -> cleardown_core::Result<Tun> + Send,
) -> io::Result<Peer> {
    let options = stage::options(number);
    let (address, caller) = (options.address.to_string(), options.caller.to_string());
    let tun = interface(Some(far), &address, &caller, create)?;
    let socket = stage::home()?.join(format!("{name}.sock"));
    let listener = UnixListener::bind(&socket)?;
    let request = stage::given(stage::entry(name, Device::Unix { path: socket })?);
    let answering = async {
        let (line, _) = listener.accept().await?;
        Peer::with_interface(line.into_std()?.into(), &options, tun)
    };
    let dialling = async { stage.client.dial(&request, None, |_| {}).await.map_err(io::Error::other) };
    let (_, peer) = tokio::try_join!(dialling, answering)?;
    Ok(peer)
}
