//! `forget`: take a name out of the profile.

use cleardown_core::{Exit, Result};

use super::DONE;
use crate::connect;
use crate::ui::Ui;

/// Forget a remembered drive and its password; if it is connected, it stays so.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The drives' names.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    for (client, names) in connect::owners_of(&args.names).await? {
        for name in names {
            client.forget(&name).await?;
            ui.data(format!("{name} is forgotten"));
        }
    }
    DONE
}
