//! Listing a hundred links, beside NetworkManager with as many; how the cost grows; and what idle links cost.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cleardown_client::{Client, Instance, Start};
use cleardown_ipc::Location;
use tokio::net::UnixListener;

use super::manager::Manager;
use super::rows::{Section, ms, times};
use super::stage::{self, LINKS, Stage};
use crate::ours::{resident, ticks, wakes};

const LIBRARY: &str = "list, client library";
const CLI: &str = "list, command line";
const NMCLI: &str = "list, nmcli";
/// Questions in a row, of which each is timed.
const IN_A_ROW: usize = 10;
/// How many entries the registry pretends to have.
const SIZES: [usize; 4] = [1, 100, 1_000, 10_000];

/// Runs in the child.
pub(super) fn measure(quick: bool) -> io::Result<Section> {
    let about = format!(
        "{LINKS} live links (PPP over Unix sockets, each with a worker and an interface) in a network namespace; \
         NetworkManager in another one with {LINKS} active TUN connections of its own. In turn; medians."
    );
    let mut section = Section::new("Listing links", &about, &["what", "", "goal"]);
    let manager = match Manager::start(LINKS) {
        Ok(manager) => Some(manager),
        Err(error) => {
            section.note(format!("NetworkManager, left out: {error}"));
            None
        }
    };
    let runtime = stage::runtime()?;
    let links = runtime.block_on(async {
        let mut stage = Stage::new().await?;
        let links = stage.dial_many(LINKS).await?;
        for _ in 0..if quick { 3 } else { 9 } {
            round(&stage.client, manager.as_ref(), &mut section).await?;
        }
        // It would take processor time from those that are looked at now.
        drop(manager);
        idle(&links, quick, &mut section).await;
        for link in &links {
            section.took("dial", link.took);
        }
        stage.close().await
    });
    links?;
    lines(&mut section);
    for size in SIZES {
        runtime.block_on(pretend(size, &mut section))?;
    }
    growth(&mut section);
    Ok(section)
}

async fn round(client: &Client, manager: Option<&Manager>, section: &mut Section) -> io::Result<()> {
    for _ in 0..IN_A_ROW {
        let start = Instant::now();
        let list = client.list(false, false).await.map_err(io::Error::other)?;
        section.took(LIBRARY, start.elapsed());
        if list.len() != LINKS {
            return Err(io::Error::other(format!("{} links are listed", list.len())));
        }
    }
    let own = std::env::current_exe()?.with_file_name("cleardown");
    let start = Instant::now();
    let status = Command::new(own).arg("list").stdout(Stdio::null()).status()?;
    section.took(CLI, start.elapsed());
    if !status.success() {
        return Err(io::Error::other(format!("cleardown list: {status}")));
    }
    if let Some(manager) = manager {
        section.took(NMCLI, manager.nmcli(&["connection", "show", "--active"])?);
    }
    Ok(())
}

fn lines(section: &mut Section) {
    let [library, cli, nmcli] = [LIBRARY, CLI, NMCLI].map(|name| section.median(name));
    section.row(&["client library", &ms(library), "< 2 ms"]);
    section.row(&["`cleardown list`", &ms(cli), ""]);
    section.row(&["`nmcli connection show --active`", &ms(nmcli), ""]);
    section.row(&["client library, times nmcli", &times(library / nmcli), "<= 0.1"]);
    section.row(&["`cleardown list`, times nmcli", &times(cli / nmcli), ""]);
    let mb = |kb: f64| format!("{:.1} MB", kb / 1000.0);
    let [worker, own, daemon] =
        ["worker resident kB", "worker private kB", "daemon resident kB"].map(|name| section.median(name));
    section.row(&["resident memory of a worker with an idle link", &mb(worker), "< 8 MB"]);
    section.row(&["of which its own, shared with no other process", &mb(own), ""]);
    section.row(&[&format!("resident memory of the daemon with {LINKS} links"), &mb(daemon), ""]);
    let [daemon, woken, workers] =
        ["daemon ticks", "daemon wakes", "worker ticks"].map(|n| section.median(n));
    section.row(&["processor time of the daemon, 10 s idle", &format!("{:.0} ms", daemon * 10.0), "0"]);
    section.row(&["times that it woke meanwhile", &format!("{woken:.0}"), ""]);
    section.row(&[
        &format!("processor time of {LINKS} workers, 10 s idle"),
        &format!("{:.0} ms", workers * 10.0),
        "0",
    ]);
}

/// Memory and processor time while nothing happens.
async fn idle(links: &[stage::Dialed], quick: bool, section: &mut Section) {
    let workers: Vec<i32> =
        links.iter().filter_map(|link| link.connection.worker_pid).map(|p| p as i32).collect();
    let Some(daemon) = workers.first().and_then(|pid| parent(*pid)) else {
        return section.note("the daemon was not found");
    };
    // What the dials needed has had time to go.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let all = || workers.iter().map(|pid| ticks(*pid)).sum::<u64>();
    let (before, of_workers, woken) = (ticks(daemon), all(), wakes(daemon));
    let seconds = if quick { 2 } else { 10 };
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let per_ten = 10.0 / seconds as f64;
    section.add("daemon ticks", (ticks(daemon) - before) as f64 * per_ten);
    section.add("worker ticks", (all() - of_workers) as f64 * per_ten);
    section.add("daemon wakes", wakes(daemon).saturating_sub(woken) as f64 * per_ten);
    for pid in &workers {
        section.add("worker resident kB", resident(*pid) as f64);
        section.add("worker private kB", private(*pid) as f64);
    }
    section.add("daemon resident kB", resident(daemon) as f64);
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// What a process has for itself (proc_pid_smaps(5)).
fn private(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("Private_")?.split_once(':'));
    lines.filter_map(|(_, value)| value.trim().trim_end_matches(" kB").parse::<u64>().ok()).sum()
}

/// The daemon's own service with links that only its registry knows, asked over its own socket.
async fn pretend(count: usize, section: &mut Section) -> io::Result<()> {
    // The daemon before has gone.
    let location = Location::of(Instance::User);
    let service = cleardown_daemon::pretend::links(&location, count).map_err(io::Error::other)?;
    let _ = std::fs::remove_file(location.socket());
    let listener = UnixListener::bind(location.socket())?;
    let server = tokio::spawn(cleardown_ipc::server::listen(listener, service, Default::default()));
    let client = Client::connect(Instance::User, Start::Never).await.map_err(io::Error::other)?;
    let times = (20_000 / count).clamp(4, 100);
    for _ in 0..times {
        let start = Instant::now();
        let list = client.list(false, false).await.map_err(io::Error::other)?;
        section.took(&name(count), start.elapsed());
        if list.len() != count {
            return Err(io::Error::other(format!("{} links are listed", list.len())));
        }
    }
    server.abort();
    Ok(())
}

fn name(count: usize) -> String {
    format!("list, {count} entries")
}

fn growth(section: &mut Section) {
    for count in SIZES {
        let all = section.median(&name(count));
        let each = format!("{} ({:.1} us each)", ms(all), all * 1000.0 / count as f64);
        section.row(&[&format!("client library, a registry of {count} pretended links"), &each, "linear"]);
    }
}
