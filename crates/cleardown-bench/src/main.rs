//! Cleardown beside its peers on the same servers, in one run: medians and ratios to a file.
//!
//! Each round mounts every contender in turn, afresh, and does every row of work on it, in a child process with
//! a deadline. A row's figure counts until the bytes are on the server; what the application saw is given too
//! where it differs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for a terminal")]

mod contender;
mod links;
mod null;
mod ours;
mod raw;
mod report;
mod servers;
mod stop;
mod tree;
mod work;

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

/// Speed of Cleardown beside rclone, sshfs, smbnetfs and gvfs on the same servers.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Smaller sizes and one round.
    #[arg(long)]
    quick: bool,
    /// Rounds; the table shows medians [default: 3].
    #[arg(long)]
    rounds: Option<usize>,
    /// After the first round, no contender begins later than this [default: 13, quick: 4].
    #[arg(long)]
    minutes: Option<u64>,
    /// Only these contenders (a part of the name, separated by commas).
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these rows (a part of the name, separated by commas).
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Leave out map, end, list, memory and idle processor time.
    #[arg(long)]
    no_commands: bool,
    /// Leave out links.
    #[arg(long)]
    no_links: bool,
    /// Only links, and of them only these parts (separated by commas).
    #[arg(long, value_delimiter = ',', num_args = 0.., conflicts_with = "no_links")]
    links: Option<Vec<String>>,
    /// Where the table goes; the figures go beside it, as JSON.
    #[arg(long, default_value = "docs/benchmark.md")]
    output: PathBuf,
}

#[derive(clap::Subcommand)]
enum Role {
    /// Serves the null file system until standard input ends.
    #[command(hide = true)]
    Null {
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Starts the servers, prepares the work, says where, and waits until standard input ends: for profiling.
    #[command(hide = true)]
    Hold,
    /// Does one part of the work on links.
    #[command(hide = true)]
    Link {
        name: String,
        answer: PathBuf,
        #[arg(long)]
        quick: bool,
    },
    /// Does one row of work, and prints what it took.
    #[command(hide = true)]
    Row { name: String, at: PathBuf, server: PathBuf, local: PathBuf, scale: String },
}

fn main() -> io::Result<()> {
    let cli = Cli::parse();
    match &cli.role {
        Some(Role::Null { threads }) => null::serve(*threads),
        Some(Role::Hold) => hold(&cli),
        Some(Role::Link { name, answer, quick }) => links::child(name, *quick, answer),
        Some(Role::Row { name, at, server, local, scale }) => work::child(name, at, server, local, scale),
        None => run(&cli),
    }
}

fn hold(cli: &Cli) -> io::Result<()> {
    let servers = servers::Servers::start()?;
    tree::prepare(&servers, if cli.quick { &work::QUICK } else { &work::FULL })?;
    println!(
        "HOME={} FOLDER={} SMB={} SFTP={}",
        servers.home.path().display(),
        servers.folder().display(),
        servers.samba.port(),
        servers.sshd.port()
    );
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn run(cli: &Cli) -> io::Result<()> {
    stop::prepare()?;
    let scale = if cli.quick { work::QUICK } else { work::FULL };
    let mut report = report::Report::new(&scale);
    if cli.links.is_none() {
        drives(cli, &scale, &mut report)?;
    }
    if !cli.no_links {
        let only = cli.links.as_deref().unwrap_or_default();
        links::measure(cli.quick, |part| wanted(only, part), &mut report)?;
    }
    report.write(&cli.output)
}

/// Everything about drives.
fn drives(cli: &Cli, scale: &work::Scale, report: &mut report::Report) -> io::Result<()> {
    let rounds = cli.rounds.unwrap_or(if cli.quick { 1 } else { 3 });
    let (start, budget) = (Instant::now(), cli.minutes.unwrap_or(if cli.quick { 4 } else { 13 }));
    let end = start + Duration::from_secs(budget * 60);
    let servers = servers::Servers::start()?;
    tree::prepare(&servers, scale)?;
    for round in 1..=rounds {
        if round > 1 && Instant::now() >= end {
            break;
        }
        report.rounds = round;
        one_round(cli, round, end, &servers, scale, report)?;
    }
    if !cli.no_commands && wanted(&cli.only, "cleardown smb") {
        match ours::commands(&servers, cli.quick) {
            Ok(figures) => report.commands = Some(figures),
            Err(error) => report.leave_out("commands", &error.to_string()),
        }
        stop::check()?;
    }
    Ok(())
}

fn wanted(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|part| name.contains(part))
}

/// All contenders in turn.
fn one_round(
    cli: &Cli,
    round: usize,
    end: Instant,
    servers: &servers::Servers,
    scale: &work::Scale,
    report: &mut report::Report,
) -> io::Result<()> {
    for contender in contender::all().into_iter().filter(|c| wanted(&cli.only, c.name)) {
        if round > 1 && Instant::now() >= end {
            return stop::check();
        }
        eprintln!("round {round}: {}", contender.name);
        if let Err(error) = measure(&contender, servers, scale, report, |row| wanted(&cli.rows, row)) {
            stop::check()?;
            eprintln!("  left out: {error}");
            report.leave_out(contender.name, &error.to_string());
        }
    }
    if wanted(&cli.only, raw::SMBCLIENT) {
        eprintln!("round {round}: clients without a file system");
        raw::measure(servers, scale, report, |row| wanted(&cli.rows, row));
    }
    stop::check()
}

/// Mounts one contender, and does the rows on it.
fn measure(
    contender: &contender::Contender,
    servers: &servers::Servers,
    scale: &work::Scale,
    report: &mut report::Report,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<()> {
    let mut mount = (contender.start)(servers)?;
    let mut done = Vec::new();
    for row in work::ROWS.iter().filter(|row| wanted(row.name)) {
        let lacks = row.after.is_some_and(|before| !done.contains(&before));
        if lacks || report.is_slow(contender.name, row.name) {
            continue;
        }
        let result = work::in_child(row.name, contender.name, &mut mount, servers, scale);
        match &result {
            Ok(m) => eprintln!("  {:<14} {:>8.3} s ({:.3} s until on the server)", row.name, m.app, m.server),
            Err(error) => eprintln!("  {:<14} {error}", row.name),
        }
        stop::check()?;
        if result.is_ok() {
            done.push(row.name);
        }
        let stuck = result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        report.add(contender.name, row.name, result);
        if stuck {
            // What it left half done would be counted against the next row.
            mount.end();
            tree::clean(servers)?;
            mount = (contender.start)(servers)?;
        }
    }
    mount.end();
    tree::clean(servers)
}
