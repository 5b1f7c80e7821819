//! `phonebook devices`.

use cleardown_core::{Exit, Result};
use cleardown_kernel::ports;

use crate::commands::DONE;
use crate::table::Table;
use crate::ui::Ui;
use crate::{devices, json};

/// List what links can be dialled over: modems and serial ports, and what needs no hardware.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let ports = ports::ports();
    if args.json {
        json::print(ui, &json::Devices::new(&ports))?;
        return DONE;
    }
    let mut table = Table::new(vec!["DEVICE", "PORT", "KIND", "DESCRIPTION"], &["DEVICE", "PORT"]);
    for (index, port) in ports.iter().enumerate() {
        let path = format!("/dev/{}", port.tty);
        table.push(vec![devices::name(index), path, devices::kind(port).to_owned(), port.title.clone()]);
    }
    for (form, what) in devices::BUILT_IN {
        table.push(vec![form.to_owned(), "-".to_owned(), "built in".to_owned(), what.to_owned()]);
    }
    table.lines(ui.columns).iter().for_each(|line| ui.data(line));
    DONE
}
