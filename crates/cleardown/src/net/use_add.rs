//! `net use z: \\server\share`.

use cleardown_core::request::{MapRequest, Name};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_profile::NetUse;

use super::parse::Add;
use super::{FAILED, backslashed, choose, chosen, completed, shown};
use crate::commands::map;
use crate::ui::Ui;
use crate::{connect, credentials, format};

pub(super) async fn run(add: Add, ui: &mut Ui) -> Result<u8> {
    let persistent = match add.persistent {
        Some(persistent) => persistent,
        None => chosen()?.persistent,
    };
    let mut request = MapRequest {
        // A connection without a local name is never remembered.
        remember: persistent && add.name != Name::Deviceless,
        name: add.name,
        remote: add.remote,
        at: None,
        read_only: false,
        user: add.user,
        replace: false,
        kerberos: None,
        accept_host_key: None,
        timeout_ms: format::millis(MapRequest::TIMEOUT),
    };
    let remote = backslashed(&request.remote.to_string());
    let ask = add.ask || (ui.interactive && credentials::ask_first(&request));
    let secret = match ask {
        true if add.ask && !ui.interactive => {
            let why = "there is no terminal on which to ask for the password";
            return Err(ErrorKind::BadParameter(why.into()).into());
        }
        true => Some(credentials::prompt(format!("Type the password for {remote}: ")).await?),
        false => None,
    };
    let client = connect::own().await?;
    let connection = match map::persist(&client, &mut request, secret, ui).await? {
        Ok(connection) => connection,
        Err(_) => {
            super::fail(&Error::from(ErrorKind::Cancelled), ui);
            return Ok(FAILED);
        }
    };
    // As in Windows, what was said last holds for the next ones too.
    if add.persistent.is_some()
        && let Err(error) = choose(NetUse { persistent })
    {
        ui.error(&error);
    }
    if request.name == Name::FirstFree {
        ui.data(format!("Drive {} is now connected to {remote}.\n", shown(&connection.name)));
    }
    Ok(completed(ui))
}
