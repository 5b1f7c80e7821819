//! `net use z: /delete` and `net use * /delete`.

use cleardown_client::Client;
use cleardown_core::request::{EndRequest, Verb, Which};
use cleardown_core::view::{EndReport, Kind, Refused};
use cleardown_core::{Error, ErrorKind, Result};

use super::{DONE, FAILED, backslashed, completed, confirm, shown};
use crate::commands::end;
use crate::ui::Ui;
use crate::{connect, format, table};

/// Ends one connection and forgets it, as Windows does.
pub(super) async fn one(name: &str, yes: Option<bool>, ui: &mut Ui) -> Result<u8> {
    let (client, name) = connect::owner_of(name).await?;
    let report = attempt(&client, Which::Names(vec![name.clone()]), Verb::Refuse, ui).await?;
    let Some(report) = settle(&client, report, yes, ui).await? else { return Ok(FAILED) };
    ui.data(format!("{} was deleted successfully.\n", backslashed(&shown(&name))));
    Ok(losses(&report, ui))
}

/// Ends all of the caller's own connections.
pub(super) async fn all(yes: Option<bool>, ui: &mut Ui) -> Result<u8> {
    let client = connect::own().await?;
    let mut list = client.list(false, false).await?;
    // Links are none of net use's business.
    list.retain(|connection| connection.kind != Kind::Link);
    if list.is_empty() {
        ui.data("There are no entries in the list.\n");
        return Ok(DONE);
    }
    ui.data("You have these remote connections:\n");
    for connection in &list {
        let name = if table::has_local_name(connection) { shown(&connection.name) } else { String::new() };
        ui.data(format!("    {name:<10}{}", backslashed(&connection.remote)));
    }
    ui.data("Continuing will cancel the connections.\n");
    if !confirm("Do you want to continue this operation?", yes, ui).await {
        return Ok(FAILED);
    }
    let names = list.into_iter().map(|connection| connection.name).collect();
    let report = attempt(&client, Which::Names(names), Verb::Refuse, ui).await?;
    let Some(report) = settle(&client, report, yes, ui).await? else { return Ok(FAILED) };
    match losses(&report, ui) {
        DONE => Ok(completed(ui)),
        failed => Ok(failed),
    }
}

async fn attempt(client: &Client, which: Which, verb: Verb, ui: &mut Ui) -> Result<EndReport> {
    let request = EndRequest { verb, forget: true, ..EndRequest::of(which) };
    end::end(client, &request, ui).await?.map_err(|_| Error::from(ErrorKind::Cancelled))
}

/// Asks about each connection that is in use, and forces it if the answer is yes; none when something stays.
async fn settle(
    client: &Client,
    mut report: EndReport,
    yes: Option<bool>,
    ui: &mut Ui,
) -> Result<Option<EndReport>> {
    for refused in std::mem::take(&mut report.refused) {
        if !in_use(&refused) {
            return Err(refused.error);
        }
        explain(&refused, ui);
        let question = "Is it OK to continue disconnecting and force them closed?";
        if !confirm(question, yes, ui).await {
            return Ok(None);
        }
        let forced = attempt(client, Which::Names(vec![refused.name]), Verb::Force, ui).await?;
        if let Some(still) = forced.refused.into_iter().next() {
            return Err(still.error);
        }
        report.ended.extend(forced.ended);
    }
    Ok(Some(report))
}

fn in_use(refused: &Refused) -> bool {
    matches!(refused.error.kind, ErrorKind::Busy { .. } | ErrorKind::FlushFailed { .. })
}

fn explain(refused: &Refused, ui: &mut Ui) {
    let name = backslashed(&shown(&refused.name));
    ui.note(format!(
        "There are open files and/or incomplete directory searches pending on the connection to {name}.\n"
    ));
    for holder in &refused.holders {
        ui.note(format!("    {}", format::printable(&holder.to_string())));
    }
}

/// What force has lost; Windows says nothing here, we do.
fn losses(report: &EndReport, ui: &mut Ui) -> u8 {
    let mut code = DONE;
    for ended in &report.ended {
        for loss in &ended.lost {
            let path = format::printable(&loss.path);
            ui.note(format!("{} of {path} on {} were lost.", format::bytes(loss.bytes), shown(&ended.name)));
            code = FAILED;
        }
    }
    code
}
