//! pppd: it needs a kernel with PPP, and where this one has none it runs in user-mode-linux. So the far end is always the
//! same guest with pppd, and what is compared is who sits at the near end: our link, or pppd in a guest of its own.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use cleardown_core::link::Device;
use cleardown_core::request::Which;
use cleardown_testkit::pppd;
use cleardown_testkit::process::Group;
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::rows::{Section, times};
use super::stage::{self, Stage};

/// The far end of the link.
const PEER: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// Who connects there is told how many octets came.
const COUNT: u16 = 7001;
/// Who connects there gets as many.
const GIVE: u16 = 7002;
/// A guest starts within seconds.
const PATIENCE: Duration = Duration::from_secs(40);
/// What a near guest's pppd is told: everything comes from the far end.
const NEAR: &str = "/usr/sbin/pppd /dev/ttyS0 115200 nodetach local nocrtscts noauth noipdefault ipcp-accept-local \
    ipcp-accept-remote lcp-max-configure 60";

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let octets = if quick { 2 << 20 } else { 4 << 20 };
    let about = format!(
        "{} MiB through one TCP connection each way, from its first octet to the answer that all came; in turn; medians. \
         The far end is pppd in user-mode-linux, the near end our link on this kernel, or pppd in a second guest, whose \
         serial ports are joined by a socket pair.",
        octets >> 20
    );
    let head = ["Mbit/s", "our link - pppd", "pppd - pppd", "times pppd"];
    let mut section = Section::new("Beside pppd", &about, &head);
    let runtime = stage::runtime()?;
    let stage = runtime.block_on(Stage::new())?;
    for _ in 0..if quick { 2 } else { 5 } {
        runtime.block_on(ours(&stage, octets, &mut section))?;
        theirs(octets, &mut section)?;
        let took = port(octets)?;
        section.add("port", rate(octets, took));
    }
    runtime.block_on(stage.close())?;
    for (what, way) in [("towards the far end", "out"), ("from the far end", "in")] {
        let [own, peer] = ["ours", "pppd"].map(|name| section.median(&format!("{name}, {way}")));
        section.row(&[what, &format!("{own:.0}"), &format!("{peer:.0}"), &times(own / peer)]);
    }
    let limit = section.median("port");
    section.note(format!(
        "The limit: the guest's serial port alone, read out by a plain program, gives {limit:.0} Mbit/s; a guest that receives is far slower, which bounds whatever goes into one."
    ));
    section.note(
        "This is no fair comparison of two ends: a guest's system calls and serial port cost many times those of this \
         kernel, so that pppd has the worse seat. pppd needs /dev/ppp (CONFIG_PPP) for a fair one. What is shown is \
         that our end does not hold up a pppd at the other one.",
    );
    Ok(section)
}

fn rate(octets: usize, took: Duration) -> f64 {
    octets as f64 * 8.0 / took.as_secs_f64() / 1e6
}

/// A guest that does this on its serial port, which is the line.
fn guest(run: &str, line: OwnedFd) -> io::Result<Guest> {
    // Not in our home, which is below `/dev`, and that is the guest's own.
    let folder = tempfile::Builder::new().prefix("cleardown-bench-").tempdir()?;
    let missing = || io::Error::other("it needs user-mode-linux, ppp and busybox");
    let init = pppd::init(folder.path(), "unused", run).ok_or_else(missing)?;
    Ok(Guest { _group: pppd::start(&init, line)?, _folder: folder })
}

/// It runs until this is dropped.
struct Guest {
    _group: Group,
    _folder: TempDir,
}

/// The far end: pppd, and somebody who counts and gives.
fn far(octets: usize, line: OwnedFd) -> io::Result<Guest> {
    let run = format!(
        "/usr/sbin/{} noauth &\nbusybox nc -ll -p {COUNT} -e busybox wc -c &\n\
         busybox nc -ll -p {GIVE} -e busybox head -c {octets} /dev/zero &\nwait",
        pppd::PPPD
    );
    guest(&run, line)
}

async fn ours(stage: &Stage, octets: usize, section: &mut Section) -> io::Result<()> {
    let socket = stage::home()?.join("pppd.sock");
    let listener = UnixListener::bind(&socket)?;
    let request = stage::given(stage::entry("pppd", Device::Unix { path: socket.clone() })?);
    let answering = async {
        let line = listener.accept().await?.0.into_std()?;
        line.set_nonblocking(false)?;
        far(octets, line.into())
    };
    let dialling = async { stage.client.dial(&request, None, |_| {}).await.map_err(io::Error::other) };
    let (_, _guest) = tokio::try_join!(dialling, answering)?;
    let both = tokio::task::spawn_blocking(move || io::Result::Ok((send(octets)?, receive(octets)?)));
    let (out, back) = both.await.map_err(io::Error::other)??;
    section.add("ours, out", rate(octets, out));
    section.add("ours, in", rate(octets, back));
    stage.end(Which::Names(vec!["pppd".into()]), None).await?;
    fs::remove_file(socket)
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let (address, late) = (SocketAddr::from((PEER, port)), Instant::now() + PATIENCE);
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) if Instant::now() > late => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn send(octets: usize) -> io::Result<Duration> {
    let mut stream = connect(COUNT)?;
    let start = Instant::now();
    io::copy(&mut io::repeat(0).take(octets as u64), &mut stream)?;
    stream.shutdown(Shutdown::Write)?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    all_came(&said, octets).map(|()| start.elapsed())
}

fn receive(octets: usize) -> io::Result<Duration> {
    let mut stream = connect(GIVE)?;
    let start = Instant::now();
    let came = io::copy(&mut stream, &mut io::sink())?;
    all_came(&came.to_string(), octets).map(|()| start.elapsed())
}

fn all_came(said: &str, octets: usize) -> io::Result<()> {
    match said.trim().parse() == Ok(octets) {
        true => Ok(()),
        false => Err(io::Error::other(format!("{} of {octets} octets came", said.trim()))),
    }
}

/// Two guests: the near one notes in files how far it is.
fn theirs(octets: usize, section: &mut Section) -> io::Result<()> {
    let (near, end) = UnixStream::pair()?;
    let _far = far(octets, end.into())?;
    let notes = stage::home()?.join("notes");
    fs::create_dir_all(&notes)?;
    let run = format!(
        "mount -t hostfs -o {} none /mnt\n{NEAR} &\n\
         until busybox nc -w 1 {PEER} {COUNT} </dev/null >/dev/null 2>&1; do sleep 0.2; done\necho up > /mnt/up\n\
         busybox head -c {octets} /dev/zero | busybox nc {PEER} {COUNT} > /mnt/out\n\
         busybox nc {PEER} {GIVE} </dev/null | busybox wc -c > /mnt/in\nsleep 1000",
        notes.display()
    );
    let _near = guest(&run, near.into())?;
    noted(&notes.join("up"))?;
    for way in ["out", "in"] {
        let start = Instant::now();
        let said = noted(&notes.join(way))?;
        all_came(&said, octets)?;
        section.add(&format!("pppd, {way}"), rate(octets, start.elapsed()));
    }
    fs::remove_dir_all(notes)
}

/// What a guest has written into a file.
fn noted(file: &Path) -> io::Result<String> {
    let late = Instant::now() + PATIENCE;
    loop {
        match fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return Ok(text),
            _ if Instant::now() > late => return Err(io::ErrorKind::TimedOut.into()),
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// How long the guest's serial port takes, without PPP.
fn port(octets: usize) -> io::Result<Duration> {
    let (mut line, end) = UnixStream::pair()?;
    line.set_read_timeout(Some(PATIENCE))?;
    let run =
        format!("stty -F /dev/ttyS0 raw -echo\nbusybox head -c {octets} /dev/zero > /dev/ttyS0\nsleep 1000");
    let _guest = guest(&run, end.into())?;
    let mut buffer = vec![0; 64 << 10];
    line.read_exact(&mut buffer[..1])?;
    let (start, mut left) = (Instant::now(), octets - 1);
    while left > 0 {
        let wanted = left.min(buffer.len());
        let came = line.read(&mut buffer[..wanted])?;
        if came == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= came;
    }
    Ok(start.elapsed())
}
