//! `status`: everything about one connection.

use std::time::Duration;

use cleardown_core::view::{Connection, Kind};
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
    rows.push(("up", format::duration(Duration::from_secs(c.up_seconds))));
    rows.extend(c.worker_pid.map(|pid| ("worker", pid.to_string())));
    match c.holders.as_slice() {
        [] => rows.push(("holders", "none".to_owned())),
        holders => {
            let labels = std::iter::once("holders").chain(std::iter::repeat(""));
            rows.extend(labels.zip(holders.iter().map(ToString::to_string)));
        }
    }
    rows.extend(c.unseen.iter().map(|unseen| ("not seen", unseen.clone())));
    rows.iter().map(|(label, value)| format!("{label:<11} {}", format::printable(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::examples;

    #[test]
    fn a_status_says_everything() {
        let ui = Ui::test(Box::new(std::io::sink()), Box::new(std::io::sink()));
        let shown: Vec<String> = examples().iter().map(|c| lines(c, &ui).join("\n")).collect();
        insta::assert_snapshot!("status", shown.join("\n\n"));
    }
}
