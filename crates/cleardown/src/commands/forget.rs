//! `forget`: take a name out of the profile.

use cleardown_core::{Exit, Result};

use super::each;
use crate::json;
use crate::ui::Ui;

/// Forget a remembered drive and its password; if it is connected, it stays so.
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
    let outcomes = each::each(&args.names, async |client, name| client.forget(name).await).await?;
    if args.json {
        json::print(ui, &json::Forgotten::new(&outcomes))?;
    } else {
        each::show(&outcomes, "forgotten", ui);
    }
    Ok(each::exit(&outcomes))
}
