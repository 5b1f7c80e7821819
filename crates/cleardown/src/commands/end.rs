//! `end`: end connections, and show the proof.

use std::time::Duration;

use cleardown_client::Client;
use cleardown_core::request::{EndRequest, Verb, Which};
use cleardown_core::view::{DriveProof, EndReport, Ended, LinkProof, Proof, Released};
use cleardown_core::{Exit, Result};

use crate::interrupt::{self, Interrupted};
use crate::progress::Meter;
use crate::ui::Ui;
use crate::{connect, format, json};

/// End connections, and prove that nothing was lost.
///
/// A drive that is in use is not ended, and its holders are named; --wait, --force and --detach are the other ways.
/// Otherwise everything pending is written, the server acknowledges it, the session is closed and the mount taken
/// away, and only then is it said to have ended.
///
/// A link is hung up in whatever state its dial is: the peer is told, interface, routes and name servers are taken
/// back, and the device answers again before it is said to have ended. Drives that are reached over it must go first.
#[derive(Debug, clap::Args)]
#[command(visible_aliases = ["cancel", "hangup"])]
pub(crate) struct Args {
    /// The names of drives, the entries of links, or the remote names of connections without a local name.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,

    /// End all of one's own connections.
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Wait until the last holder has left, at most S (seconds, or 500ms, 2m); without S for ever.
    #[arg(long, value_name = "S", num_args = 0..=1, require_equals = true, group = "how")]
    #[arg(value_parser = format::parse_duration)]
    #[expect(clippy::option_option, reason = "absent, given without a time, given with one")]
    wait: Option<Option<Duration>>,

    /// Abort what is in flight, and list each file that lost something.
    #[arg(long, group = "how")]
    force: bool,

    /// Take the name away now and let the holders finish; what lingers is said.
    #[arg(long, group = "how")]
    detach: bool,

    /// End the drives whose servers are reached over a link before the link.
    #[arg(long)]
    with_dependents: bool,

    /// Give back one reference to a link or to a connection without a local name; the last one ends it.
    #[arg(long, group = "how")]
    drop_reference: bool,

    /// Forget it too, so that it does not come back at the next login.
    #[arg(long)]
    forget: bool,

    /// How long ending may take: seconds, or with a unit (500ms, 2m) [default: 30].
    #[arg(long, value_name = "S", value_parser = format::parse_duration)]
    timeout: Option<Duration>,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

impl Args {
    fn verb(&self) -> Verb {
        match self {
            Args { wait: Some(_), .. } => Verb::Wait,
            Args { force: true, .. } => Verb::Force,
            Args { detach: true, .. } => Verb::Detach,
            _ => Verb::Refuse,
        }
    }

    fn request(&self, which: Which) -> EndRequest {
        let time = self.wait.flatten().or(self.timeout);
        EndRequest {
            which,
            verb: self.verb(),
            forget: self.forget,
            timeout_ms: time.map(format::millis),
            drop_reference: self.drop_reference,
            with_dependents: self.with_dependents,
        }
    }
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    let parts = match args.all {
        true => vec![(connect::own().await?, Which::All)],
        false => {
            let sorted = connect::owners_of(&args.names).await?;
            sorted.into_iter().map(|(client, names)| (client, Which::Names(names))).collect()
        }
    };
    let mut report = EndReport::default();
    for (client, which) in parts {
        let request = args.request(which);
        match end(&client, &request, ui).await? {
            Ok(part) => report.extend(part),
            Err(signal) => return interrupted(&client, &request, signal, ui).await,
        }
    }
    // Daemons refuse at once what is not there, and end drives before links; people look for the order that they gave.
    report.refused.sort_by_key(|refused| connect::place_of(&args.names, &refused.name));
    if args.json {
        json::print(ui, &report)?;
    } else {
        show(&report, ui);
    }
    Ok(exit(&report, args.verb()) as u8)
}

/// Ends, showing progress, until it is done or a signal comes.
pub(crate) async fn end(
    client: &Client,
    request: &EndRequest,
    ui: &mut Ui,
) -> Result<std::result::Result<EndReport, Interrupted>> {
    let mut meter = Meter::new(ui);
    let ending = client.end(request, |progress| meter.show(&progress));
    match interrupt::guard(ending).await? {
        Ok(report) => report.map(Ok),
        Err(signal) => Ok(Err(signal)),
    }
}

/// The first refusal decides; a refusal weighs more than a loss that was asked for, and a loss more than something unproven.
pub(crate) fn exit(report: &EndReport, verb: Verb) -> Exit {
    if let Some(refused) = report.refused.first() {
        return refused.error.exit();
    }
    if report.ended.iter().any(|ended| !ended.lost.is_empty()) {
        return Exit::Loss;
    }
    // Who detaches has asked for an end without a proof.
    if verb != Verb::Detach && report.ended.iter().any(|ended| !ended.unproven.is_empty()) {
        return Exit::Deadline;
    }
    Exit::Done
}

fn show(report: &EndReport, ui: &mut Ui) {
    if *report == EndReport::default() {
        ui.note("nothing is connected");
    }
    for ended in &report.ended {
        lines(ended).iter().for_each(|line| ui.data(line));
    }
    for released in &report.released {
        ui.data(released_line(released));
    }
    for refused in &report.refused {
        ui.error(&refused.error);
    }
}

/// `z: ended: 12 MB flushed and acknowledged, session closed, mount gone, worker reaped (0.3 s)`, then what was
/// lost and what is not proven, one a line.
pub(crate) fn lines(ended: &Ended) -> Vec<String> {
    let mut facts = match &ended.proof {
        Proof::Drive(proof) => drive_facts(proof),
        Proof::Link(proof) => link_facts(proof),
    };
    facts.extend(ended.forgotten.then(|| "forgotten".to_owned()));
    let facts = facts.join(", ");
    let verdict = match (ended.lost.is_empty(), ended.unproven.is_empty()) {
        (false, _) => "ended with loss",
        (true, false) => "ended, not all proven",
        (true, true) => "ended",
    };
    let took = format::duration(Duration::from_millis(ended.took_ms));
    let mut lines = vec![match facts.as_str() {
        "" => format!("{} {verdict} ({took})", ended.name),
        facts => format!("{} {verdict}: {facts} ({took})", ended.name),
    }];
    lines.extend(
        ended.lost.iter().map(|loss| format!("  lost: {} of {}", format::bytes(loss.bytes), loss.path)),
    );
    lines.extend(ended.unproven.iter().map(|what| format!("  not proven: {what}")));
    lines.iter().map(|line| format::printable(line)).collect()
}

/// `office goes on: a reference was given back, 1 is left`
fn released_line(released: &Released) -> String {
    let left = match released.references {
        1 => "1 is left".to_owned(),
        several => format!("{several} are left"),
    };
    format::printable(&format!("{} goes on: a reference was given back, {left}", released.name))
}

fn drive_facts(proof: &DriveProof) -> Vec<String> {
    let written = match (proof.acknowledged, proof.flushed_bytes) {
        (true, 0) => Some("every write acknowledged".to_owned()),
        (true, bytes) => Some(format!("{} flushed and acknowledged", format::bytes(bytes))),
        (false, 0) => None,
        (false, bytes) => Some(format!("{} flushed", format::bytes(bytes))),
    };
    let facts = [
        (proof.session_closed, "session closed"),
        (proof.mount_gone, "mount gone"),
        (proof.worker_reaped, "worker reaped"),
    ];
    written.into_iter().chain(proven(&facts)).collect()
}

fn link_facts(proof: &LinkProof) -> Vec<String> {
    let facts = [
        (proof.peer_acknowledged, "peer acknowledged"),
        (proof.device_answers == Some(true), "device answers"),
        (proof.interface_gone, "interface gone"),
        (proof.routes_reverted, "routes reverted"),
        (proof.dns_reverted, "DNS reverted"),
        (proof.worker_reaped && !proof.without_worker, "worker reaped"),
    ];
    proven(&facts).collect()
}

fn proven<'a>(facts: &'a [(bool, &'static str)]) -> impl Iterator<Item = String> + 'a {
    facts.iter().filter(|(proven, _)| *proven).map(|(_, fact)| (*fact).to_owned())
}

/// The end was cancelled where it still could be; says what is left.
async fn interrupted(client: &Client, request: &EndRequest, signal: Interrupted, ui: &mut Ui) -> Result<u8> {
    let names = match &request.which {
        Which::Names(names) => names.clone(),
        Which::All => client.list(false, false).await?.into_iter().map(|c| c.name).collect(),
    };
    for name in names {
        match client.status(&name).await {
            Ok(now) => ui.note(format!("interrupted; {name} is {}", now.status)),
            Err(error) if error.exit() == Exit::NotConnected => {
                ui.note(format!("interrupted; {name} is not connected any more"));
            }
            Err(error) => ui.note(format!("interrupted; what {name} is now is not known: {error}")),
        }
    }
    Ok(signal.exit_code())
}

#[cfg(test)]
mod tests {
    use cleardown_core::view::{Holder, HolderKind, Loss, Refused};
    use cleardown_core::{Error, ErrorKind};

    use super::*;

    fn proof() -> DriveProof {
        DriveProof {
            flushed_bytes: 12_000_000,
            acknowledged: true,
            mount_gone: true,
            session_closed: true,
            worker_reaped: true,
        }
    }

    fn ended(name: &str) -> Ended {
        let proof = Proof::Drive(proof());
        let (lost, unproven) = (Vec::new(), Vec::new());
        Ended { name: name.into(), proof, lost, unproven, took_ms: 312, forgotten: false }
    }

    fn lost(name: &str) -> Ended {
        let proof = Proof::Drive(DriveProof {
            acknowledged: false,
            session_closed: false,
            flushed_bytes: 0,
            ..proof()
        });
        let lost =
            vec![Loss { path: "a/b.txt".into(), bytes: 4096 }, Loss { path: "c\x1b.txt".into(), bytes: 1 }];
        let unproven = vec!["the server answered the log-off".to_owned()];
        Ended { proof, lost, unproven, took_ms: 2_000, ..ended(name) }
    }

    fn refused(name: &str) -> Refused {
        let holder = Holder {
            pid: 4711,
            user: "eve".into(),
            program: "vim".into(),
            path: "/home/eve/Network/z/a.txt".into(),
            kind: HolderKind::File,
        };
        let error = Error::from(ErrorKind::Busy { name: name.into(), holders: vec![holder.clone()] });
        Refused {
            name: name.into(),
            code: error.code(),
            reason: error.to_string(),
            holders: vec![holder],
            error,
        }
    }

    #[test]
    fn an_end_is_one_line_with_its_proof() {
        let quiet = Ended { proof: Proof::Drive(DriveProof { flushed_bytes: 0, ..proof() }), ..ended("y:") };
        let forgotten = Ended { forgotten: true, ..ended("x:") };
        let unproven = Ended { lost: Vec::new(), ..lost("w:") };
        let text: Vec<String> =
            [ended("z:"), quiet, forgotten, unproven, lost("v:")].iter().flat_map(lines).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        z: ended: 12 MB flushed and acknowledged, session closed, mount gone, worker reaped (0.3 s)
        y: ended: every write acknowledged, session closed, mount gone, worker reaped (0.3 s)
        x: ended: 12 MB flushed and acknowledged, session closed, mount gone, worker reaped, forgotten (0.3 s)
        w: ended, not all proven: mount gone, worker reaped (2.0 s)
          not proven: the server answered the log-off
        v: ended with loss: mount gone, worker reaped (2.0 s)
          lost: 4.1 kB of a/b.txt
          lost: 1 B of c\u{1b}.txt
          not proven: the server answered the log-off
        "#);
    }

    #[test]
    fn a_reference_that_is_given_back_is_no_end() {
        let released = |name: &str, references| Released { name: name.into(), references };
        let text = [released("office", 1), released("//fs1/projects", 2)].map(|r| released_line(&r));
        insta::assert_snapshot!(text.join("\n"), @r#"
        office goes on: a reference was given back, 1 is left
        //fs1/projects goes on: a reference was given back, 2 are left
        "#);
        let report = EndReport { released: vec![released("office", 1)], ..EndReport::default() };
        assert_eq!(exit(&report, Verb::Refuse), Exit::Done);
    }

    #[test]
    fn the_exit_code_says_the_worst() {
        let report = |ended: Vec<Ended>, refused| EndReport { ended, refused, ..EndReport::default() };
        let unproven = Ended { lost: Vec::new(), ..lost("z:") };
        let cases = [
            (report(vec![ended("z:")], vec![]), Verb::Refuse, Exit::Done),
            (report(vec![], vec![]), Verb::Refuse, Exit::Done),
            (report(vec![ended("z:")], vec![refused("y:")]), Verb::Refuse, Exit::Busy),
            (report(vec![lost("z:")], vec![]), Verb::Force, Exit::Loss),
            (report(vec![unproven.clone()], vec![]), Verb::Force, Exit::Deadline),
            (report(vec![unproven], vec![]), Verb::Detach, Exit::Done),
        ];
        for (report, verb, expected) in cases {
            assert_eq!(exit(&report, verb), expected, "{report:?}");
        }
    }
}
