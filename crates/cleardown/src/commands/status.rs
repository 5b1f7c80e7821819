//! `status`: everything about one connection.

use std::time::Duration;

use cleardown_core::view::{Connection, Kind, Link, Status};
use cleardown_core::{Exit, Result};

use super::DONE;
use crate::ui::Ui;
use crate::{connect, format, json};

/// Show everything about one connection.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The connection's name, or the remote name of one without a local name.
    name: String,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    let (client, name) = connect::owner_of(&args.name).await?;
    let connection = client.status(&name).await?;
    if args.json {
        json::print(ui, &json::One::new(&connection))?;
    } else {
        lines(&connection, ui).iter().for_each(|line| ui.data(line));
    }
    DONE
}

fn lines(c: &Connection, ui: &Ui) -> Vec<String> {
    let mut rows = match &c.link {
        Some(link) => link_rows(c, link),
        None => drive_rows(c, ui),
    };
    let foreign = c.link.as_ref().is_some_and(|link| link.foreign);
    let was_up = !matches!(c.status, Status::Opening | Status::Remembered);
    if was_up && !foreign {
        rows.push(("up", format::duration(Duration::from_secs(c.up_seconds))));
    }
    let process = if foreign { "process" } else { "worker" };
    rows.extend(c.worker_pid.map(|pid| (process, pid.to_string())));
    rows.extend(holder_rows(c));
    rows.iter().map(|(label, value)| format!("{label:<11} {}", format::printable(value))).collect()
}

type Row = (&'static str, String);

fn drive_rows(c: &Connection, ui: &Ui) -> Vec<Row> {
    let yes_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let mut rows = vec![("name", c.name.clone()), ("status", c.status.to_string())];
    rows.extend(c.reason.clone().map(|reason| ("reason", reason)));
    rows.push(("remote", c.remote.clone()));
    rows.extend(c.at.as_deref().map(|at| ("where", ui.short(at))));
    rows.push(("protocol", c.dialect.clone().unwrap_or_else(|| c.provider.clone())));
    rows.extend(c.user.clone().map(|user| ("user", user)));
    rows.push(("owner", c.owner.clone()));
    rows.push(("encryption", or_none(&c.encryption)));
    rows.push(("signing", or_none(&c.signing)));
    rows.push(("remembered", yes_no(c.remembered)));
    rows.push(("read-only", yes_no(c.read_only)));
    rows.push(("pending", format::bytes(c.pending_bytes)));
    if c.kind == Kind::Deviceless {
        rows.push(("references", c.references.to_string()));
    }
    rows
}

fn link_rows(c: &Connection, link: &Link) -> Vec<Row> {
    let mut rows = vec![("name", c.name.clone()), ("status", c.status.to_string())];
    rows.extend(
        link.foreign
            .then(|| ("foreign", "made by another program; it is shown, and not ended here".to_owned())),
    );
    rows.extend(c.reason.clone().map(|reason| ("reason", reason)));
    rows.extend(link.error.map(|code| ("error", format!("RAS {}", code.0))));
    rows.push(("state", link.state.to_string()));
    rows.push(("device", format!("{} ({})", link.device, link.device_type)));
    rows.extend(Some(("remote", c.remote.clone())).filter(|(_, remote)| !remote.is_empty()));
    rows.extend(link.interface.clone().map(|interface| ("interface", interface)));
    let lists = [
        ("addresses", &link.addresses),
        ("peer", &link.peer_addresses),
        ("routes", &link.routes),
        ("dns", &link.dns),
        ("drives", &link.drives),
    ];
    rows.extend(
        lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(label, list)| (label, list.join(", "))),
    );
    rows.extend(c.dialect.clone().map(|dialect| ("protocol", dialect)));
    rows.extend(c.user.clone().map(|user| ("user", user)));
    rows.extend(Some(("owner", c.owner.clone())).filter(|(_, owner)| !owner.is_empty()));
    rows.push(("received", format::bytes(link.bytes_in)));
    rows.push(("sent", format::bytes(link.bytes_out)));
    let handshake = |seconds| format!("{} ago", format::duration(Duration::from_secs(seconds)));
    rows.extend(link.engine.map(|engine| ("engine", engine.to_string())));
    rows.extend(link.handshake_seconds.map(|seconds| ("handshake", handshake(seconds))));
    if !link.foreign {
        rows.push(("references", c.references.to_string()));
        rows.push(("handle", format!("#{}", link.handle)));
    }
    rows
}

fn holder_rows(c: &Connection) -> Vec<Row> {
    let mut rows = match c.holders.as_slice() {
        [] if c.link.is_some() => Vec::new(),
        [] => vec![("holders", "none".to_owned())],
        holders => {
            let labels = std::iter::once("holders").chain(std::iter::repeat(""));
            labels.zip(holders.iter().map(ToString::to_string)).collect()
        }
    };
    rows.extend(c.unseen.iter().map(|unseen| ("not seen", unseen.clone())));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{examples, links};

    #[test]
    fn a_status_says_everything() {
        let ui = Ui::test(Box::new(std::io::sink()), Box::new(std::io::sink()));
        let shown: Vec<String> = examples().iter().map(|c| lines(c, &ui).join("\n")).collect();
        insta::assert_snapshot!("status", shown.join("\n\n"));
        let shown: Vec<String> = links().iter().map(|c| lines(c, &ui).join("\n")).collect();
        insta::assert_snapshot!("status-links", shown.join("\n\n"));
    }
}
