//! `holders`: who uses a connection.

use cleardown_core::{Exit, Result};

use super::DONE;
use crate::table::Table;
use crate::ui::Ui;
use crate::{connect, json};

/// Show who uses a connection, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The connection's name.
    name: String,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    let (client, name) = connect::owner_of(&args.name).await?;
    let found = client.holders(&name).await?;
    if args.json {
        json::print(ui, &json::HolderList::new(&name, &found.holders, &found.unseen))?;
        return DONE;
    }
    if found.holders.is_empty() {
        ui.note(format!("{name} has no holders"));
    } else {
        let mut table = Table::new(vec!["PID", "USER", "PROGRAM", "KIND", "PATH"], &["PID", "KIND"]);
        for holder in found.holders {
            let pid = if holder.pid == 0 { "-".to_owned() } else { holder.pid.to_string() };
            let path = ui.short(&holder.path);
            table.push(vec![pid, holder.user, holder.program, holder.kind.to_string(), path]);
        }
        table.lines(ui.columns).iter().for_each(|line| ui.data(line));
    }
    for unseen in &found.unseen {
        ui.note(format!("not seen: {unseen}"));
    }
    DONE
}
