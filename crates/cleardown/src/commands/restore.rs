//! `restore`: connect what is remembered.

use cleardown_core::Result;
use cleardown_core::view::Connection;

use super::each;
use crate::progress::Meter;
use crate::ui::Ui;
use crate::{connect, interrupt, json};

/// Connect remembered drives, those named or all.
///
/// They are connected in parallel, so that one dead server delays no other. A drive named
/// here that has lost its server, remembered or not, tries again at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The drives' names; none means all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    let client = connect::own().await?;
    let mut meter = Meter::new(ui);
    let restored = client.restore(&args.names, |progress| meter.show(&progress));
    let outcomes = match interrupt::guard(restored).await? {
        Ok(outcomes) => outcomes?,
        Err(signal) => {
            drop(meter);
            ui.note("interrupted; what is connected stays (cleardown list)");
            return Ok(signal.exit_code());
        }
    };
    drop(meter);
    if args.json {
        json::print(ui, &json::Restored::new(&outcomes))?;
    } else {
        show(&outcomes, ui);
    }
    Ok(each::exit(&outcomes) as u8)
}

fn show(outcomes: &[(String, Result<Connection>)], ui: &mut Ui) {
    if outcomes.is_empty() {
        ui.note("nothing is remembered that is not connected");
    }
    for (name, outcome) in outcomes {
        match outcome {
            Ok(connection) => ui.data(super::map::sentence(connection, ui)),
            Err(error) => {
                ui.note(format!("{name} could not be restored"));
                ui.error(error);
            }
        }
    }
}
