//! `remember`: put a connected drive into the profile.

use cleardown_core::{Exit, Result};

use super::each;
use crate::json;
use crate::ui::Ui;

/// Remember a connected drive, so that it comes back at the next login.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The drives' names.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    let outcomes = each::each(&args.names, async |client, name| client.remember(name).await).await?;
    if args.json {
        json::print(ui, &json::Remembered::new(&outcomes))?;
    } else {
        each::show(&outcomes, "remembered", ui);
    }
    Ok(each::exit(&outcomes))
}
