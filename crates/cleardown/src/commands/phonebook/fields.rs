//! The options that say what an entry is.

use cleardown_core::link::{Device, Entry};
use cleardown_core::{ErrorKind, Result};
use cleardown_profile::settings;
use ipnet::IpNet;

use crate::devices;

/// What an entry says, by option. What has no option of its own has its key in the file: `--set network.metric=5`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Fields {
    /// How the peer is reached: modem0, ttyUSB0, serial:ttyS1, tcp:HOST:PORT, unix:/PATH or "command:PROGRAM ARGS".
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,

    /// The number to dial.
    #[arg(long, value_name = "N")]
    number: Option<String>,

    /// The user on the other side.
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Send everything through the link that has no better route.
    #[arg(long, value_name = "YES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    default_route: Option<bool>,

    /// Send this network through the link (again for more).
    #[arg(long = "route", value_name = "NET")]
    routes: Vec<IpNet>,

    /// Set any key of the entry's file, for example ppp.mru=1400 or 'ppp.auth=["pap"]'.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Give a key its usual value again.
    #[arg(long = "unset", value_name = "KEY")]
    unset: Vec<String>,
}

impl Fields {
    /// True when nothing was said.
    pub(super) fn is_empty(&self) -> bool {
        let Fields { device, number, user, default_route, routes, set, unset } = self;
        let one = device.is_none() && number.is_none() && user.is_none() && default_route.is_none();
        one && routes.is_empty() && set.is_empty() && unset.is_empty()
    }

    /// The device, when it is named.
    pub(super) fn device(&self) -> Result<Option<Device>> {
        let ports = cleardown_kernel::ports::ports();
        self.device.as_deref().map(|text| devices::parse(text, self.number.as_deref(), &ports)).transpose()
    }

    /// The entry with what was said.
    ///
    /// # Errors
    /// [`ErrorKind::BadEntry`]: it makes no sense then.
    pub(super) fn apply(&self, entry: &Entry) -> Result<Entry> {
        let mut entry = entry.clone();
        match (self.device()?, &mut entry.device, &self.number) {
            (Some(device), place, _) => *place = device,
            (None, Device::Modem { number, .. }, Some(new)) => new.clone_into(number),
            (None, _, Some(_)) => {
                return Err(ErrorKind::BadParameter("a number needs a modem: add --device".into()).into());
            }
            (None, _, None) => {}
        }
        entry.user = self.user.clone().or(entry.user);
        entry.network.default_route = self.default_route.unwrap_or(entry.network.default_route);
        if !self.routes.is_empty() {
            entry.network.routes.clone_from(&self.routes);
        }
        let entry = settings::changed(&entry, &self.set, &self.unset)?;
        sensible(&entry)?;
        Ok(entry)
    }
}

/// Refuses an entry that could not be dialled.
pub(super) fn sensible(entry: &Entry) -> Result<()> {
    match entry.problems() {
        problems if problems.is_empty() => Ok(()),
        problems => Err(ErrorKind::BadEntry { name: entry.name.to_string(), problems }.into()),
    }
}
