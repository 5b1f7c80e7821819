//! Our own drives, through the command line as people use it; and what the commands themselves cost.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::contender::Mount;
use crate::servers::{SHARE, Servers};

/// What the commands and the processes behind them cost; times in milliseconds, memory in kB.
#[derive(Serialize)]
pub(crate) struct Commands {
    map_ms: f64,
    end_ms: f64,
    list_one_ms: f64,
    list_many_ms: f64,
    /// How many drives there were for `list_many_ms`.
    many: usize,
    worker_rss_kb: u64,
    daemon_rss_kb: u64,
    /// Ticks (1/100 s) of processor time in ten idle seconds, of the daemon and of all workers.
    daemon_idle_ticks: u64,
    workers_idle_ticks: u64,
    /// How often the daemon's threads woke meanwhile.
    daemon_wakes: u64,
}

impl Commands {
    /// For the table: what, and how much.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let ms = |value: f64| format!("{value:.0} ms");
        vec![
            ("map".into(), ms(self.map_ms)),
            ("end".into(), ms(self.end_ms)),
            ("list, one drive".into(), ms(self.list_one_ms)),
            (format!("list, {} drives", self.many), ms(self.list_many_ms)),
            (
                "resident memory of an idle worker".into(),
                format!("{:.1} MB", self.worker_rss_kb as f64 / 1000.0),
            ),
            ("resident memory of the daemon".into(), format!("{:.1} MB", self.daemon_rss_kb as f64 / 1000.0)),
            ("processor time of the daemon, 10 s idle".into(), format!("{} ms", self.daemon_idle_ticks * 10)),
            (
                format!("processor time of all {} workers, 10 s idle", self.many),
                format!("{} ms", self.workers_idle_ticks * 10),
            ),
            ("times that the daemon woke in 10 s idle".into(), self.daemon_wakes.to_string()),
        ]
    }
}

/// A mapped drive.
pub(crate) struct Drive {
    name: String,
    settings: Settings,
}

/// The command line and its instance.
#[derive(Clone)]
struct Settings {
    home: PathBuf,
}

impl Settings {
    fn of(servers: &Servers) -> Settings {
        Settings { home: servers.home.path().to_owned() }
    }
    fn command(&self) -> io::Result<Command> {
        let beside = std::env::current_exe()?.with_file_name("cleardown");
        let mut command = Command::new(std::env::var_os("CLEARDOWN_BENCH_CLI").map_or(beside, PathBuf::from));
        command.env("HOME", &self.home).stdin(Stdio::null());
        for what in ["RUNTIME", "CONFIG", "STATE"] {
            command.env(
                format!("CLEARDOWN_{what}_DIR"),
                self.home.join(format!("cleardown-{}", what.to_lowercase())),
            );
        }
        Ok(command)
    }
    fn run(&self, args: &[&str]) -> io::Result<Duration> {
        let mut command = self.command()?;
        let start = Instant::now();
        let output = command.args(args).output()?;
        let took = start.elapsed();
        if output.status.success() {
            return Ok(took);
        }
        let said = [output.stderr, output.stdout].concat();
        Err(io::Error::other(format!("cleardown {}: {}", args[0], String::from_utf8_lossy(&said).trim())))
    }
    /// Processes of this instance (their environment names its folder): pid and whether it is a worker.
    fn processes(&self) -> Vec<(i32, bool)> {
        let mark =
            [b"CLEARDOWN_RUNTIME_DIR=", self.home.join("cleardown-runtime").as_os_str().as_bytes()].concat();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut arguments = arguments.split(|byte| *byte == 0);
            let started =
                |program: &[u8]| program.ends_with(b"cleardownd") || program.ends_with(b"linux.uml");
            if arguments.next().is_some_and(started)
                && environment.split(|byte| *byte == 0).any(|variable| variable == mark)
            {
                found.push((pid, arguments.next() == Some(b"worker")));
            }
        }
        found
    }
}

impl Drive {
    fn map(settings: Settings, name: &str, point: &str, remote: &[String]) -> io::Result<(Drive, Duration)> {
        let mut args = vec!["map", name, "--at", point, "--timeout", "30"];
        args.extend(remote.iter().map(String::as_str));
        let took = settings.run(&args)?;
        Ok((Drive { name: name.to_owned(), settings }, took))
    }
    /// Ends it, with force if it must be.
    pub(crate) fn end(self) {
        if let Err(error) = self.settings.run(&["end", &self.name, "--timeout", "30"]) {
            eprintln!("  {error}");
            if let Err(error) = self.settings.run(&["end", &self.name, "--force"]) {
                eprintln!("  {error}");
            }
        }
    }
}

/// The remote and its options.
pub(crate) fn smb(servers: &Servers) -> Vec<String> {
    let remote = format!("smb://127.0.0.1:{}/{SHARE}", servers.samba.port());
    let password = servers.home.path().join("password").display().to_string();
    vec![remote, "--user".into(), servers.user.name.clone(), "--password-file".into(), password]
}
/// As [`smb`]; the key and known_hosts are in the home.
pub(crate) fn sftp(servers: &Servers) -> Vec<String> {
    vec![format!("sftp://root@127.0.0.1:{}{}", servers.sshd.port(), servers.folder().display())]
}

/// Maps it.
pub(crate) fn mount(servers: &Servers, remote: Vec<String>) -> io::Result<Mount> {
    let point = servers.mount_point()?;
    let (drive, _) = Drive::map(Settings::of(servers), "z:", &point.display().to_string(), &remote)?;
    Ok(Mount::of_drive(drive, point))
}

/// Kills what this run has started, and unmounts what is still mounted.
pub(crate) fn stop(home: &std::path::Path) {
    for (pid, _) in (Settings { home: home.to_owned() }).processes() {
        if let Some(pid) = Pid::from_raw(pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    // Only what was given up half-way is still there.
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    for point in points.filter(|point| std::path::Path::new(point).starts_with(home)) {
        let _ = Command::new("umount").args(["-l", point]).stderr(Stdio::null()).status();
    }
}

/// Measures the commands.
pub(crate) fn commands(servers: &Servers, quick: bool) -> io::Result<Commands> {
    let settings = Settings::of(servers);
    let remote = smb(servers);
    let map = |name: &str| -> io::Result<(Drive, Duration)> {
        Drive::map(settings.clone(), name, &servers.mount_point()?.display().to_string(), &remote)
    };
    let mut times = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..7 {
        crate::stop::check()?;
        let (drive, took) = map("m")?;
        times.0.push(took);
        times.2.push(settings.run(&["list"])?);
        times.1.push(settings.run(&["end", &drive.name])?);
    }
    let many = if quick { 10 } else { 100 };
    let mut drives = Vec::new();
    for number in 0..many {
        crate::stop::check()?;
        drives.push(map(&format!("d{number}"))?.0);
    }
    for _ in 0..7 {
        times.3.push(settings.run(&["list"])?);
    }
    // Caches and buffers of the start have had time to go.
    std::thread::sleep(Duration::from_secs(3));
    let ticks =
        || settings.processes().into_iter().map(|(pid, worker)| (worker, ticks(pid))).collect::<Vec<_>>();
    let sum =
        |all: &[(bool, u64)], worker| all.iter().filter(|(w, _)| *w == worker).map(|(_, t)| t).sum::<u64>();
    let daemon = settings.processes().into_iter().find(|(_, worker)| !worker).map_or(0, |(pid, _)| pid);
    let (before, woken) = (ticks(), wakes(daemon));
    std::thread::sleep(Duration::from_secs(10));
    let (after, woken) = (ticks(), wakes(daemon).saturating_sub(woken));
    let mut memory: Vec<_> =
        settings.processes().into_iter().map(|(pid, worker)| (worker, resident(pid))).collect();
    memory.sort();
    let of = |wanted| memory.iter().filter(|(w, _)| *w == wanted).map(|(_, kb)| *kb).collect::<Vec<_>>();
    let (workers, daemons) = (of(true), of(false));
    drives.into_iter().for_each(Drive::end);
    Ok(Commands {
        map_ms: median(times.0),
        end_ms: median(times.1),
        list_one_ms: median(times.2),
        list_many_ms: median(times.3),
        many,
        worker_rss_kb: workers.get(workers.len() / 2).copied().unwrap_or(0),
        daemon_rss_kb: daemons.first().copied().unwrap_or(0),
        daemon_idle_ticks: sum(&after, false).saturating_sub(sum(&before, false)),
        workers_idle_ticks: sum(&after, true).saturating_sub(sum(&before, true)),
        daemon_wakes: woken,
    })
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// User and system time, in ticks (fields 14 and 15 of `/proc/PID/stat`).
pub(crate) fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// How often the threads of a process have gone to sleep and come back.
pub(crate) fn wakes(pid: i32) -> u64 {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    sum
}

pub(crate) fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
