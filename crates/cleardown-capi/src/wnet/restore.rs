//! Bringing back what is remembered: WNetRestoreConnection.

use cleardown_client::Instance;
use cleardown_core::{Code, LocalName};

use super::add::LONGEST_NAME;
use crate::failure::Failure;
use crate::memory::Str;
use crate::session;
use crate::text::Unit;

/// WNetRestoreConnection: the device of this name, or all that is remembered (NULL), as at logon.
///
/// # Errors
/// 1200: not a local name. 2250: not remembered. Otherwise what kept the first of them from connecting.
pub fn restore<C: Unit>(_window: usize, device: Str<C>) -> Result<(), Failure> {
    let device = device.read(LONGEST_NAME).map_err(|_| Code::BAD_DEVICE)?;
    let name = device.filter(|name| !name.is_empty()).map(|name| name.parse::<LocalName>()).transpose()?;
    let names: Vec<String> = name.into_iter().map(String::from).collect();
    let outcome = session::operate(Instance::User, async |client| client.restore(&names, |_| {}).await)?;
    for (_, connection) in outcome {
        connection?;
    }
    Ok(())
}
