//! `net use z: \\server\share`.

use cleardown_core::request::{MapRequest, Name};
use cleardown_core::{Error, ErrorKind, Result};

use super::parse::Add;
use super::{FAILED, backslashed, completed, shown};
use crate::commands::map;
use crate::ui::Ui;
use crate::{connect, credentials, format};

pub(super) async fn run(add: Add, ui: &mut Ui) -> Result<u8> {
    let mut request = MapRequest {
        name: add.name,
        remote: add.remote,
        at: None,
        remember: add.persistent,
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
    if request.name == Name::FirstFree {
        ui.data(format!("Drive {} is now connected to {remote}.\n", shown(&connection.name)));
    }
    Ok(completed(ui))
}
