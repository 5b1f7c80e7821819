//! From a phone-book entry to what is to be done.

use std::path::PathBuf;
use std::time::Duration;

use cleardown_core::link::{AuthMethod, Device, Entry, Ppp, Tone};
use cleardown_core::{Error, ErrorKind, Result};
use rand::RngExt;
use zeroize::Zeroizing;

use crate::engine::Plan;
use crate::hdlc::Accm;
use crate::line::{Line, Speed};
use crate::modem;
use crate::ppp::auth::Method;
use crate::ppp::auth::client::Identity;
use crate::ppp::ipcp::Offer;
use crate::ppp::lcp::Agreed;
use crate::ppp::session::Config;

impl Plan {
    /// What an entry for PPP asks for.
    ///
    /// # Errors
    /// [`ErrorKind::BadParameter`] for an entry that makes no sense, or is none for PPP.
    pub fn of(entry: &Entry, secret: Option<Zeroizing<String>>) -> Result<Plan> {
        let (line, modem) = line(&entry.device)?;
        let (secret, new_secret) = passwords(secret.unwrap_or_default());
        let identity = entry.user.clone().map(|user| Identity { user, secret, new_secret });
        Ok(Plan { line, modem, ppp: ppp(&entry.ppp, identity, entry.network.peer_dns) })
    }
}

/// A password, and behind a line's end the one to take its place should it have expired.
fn passwords(secret: Zeroizing<String>) -> (Zeroizing<String>, Option<Zeroizing<String>>) {
    match secret.split_once('\n') {
        Some((old, new)) => {
            let new = Some(new).filter(|new| !new.is_empty());
            (Zeroizing::new(old.to_owned()), new.map(|new| Zeroizing::new(new.to_owned())))
        }
        None => (secret, None),
    }
}

/// The line of a device, and the modem on it with the number.
fn line(device: &Device) -> Result<(Line, Option<(modem::Config, String)>)> {
    Ok(match device {
        Device::Modem { port, speed, flow_control, number, .. } => {
            let modem = modem_config(device).unwrap_or_default();
            (serial(port, *speed, *flow_control)?, Some((modem, number.clone())))
        }
        Device::Serial { port, speed, flow_control } => (serial(port, *speed, *flow_control)?, None),
        Device::Command { argv } if argv.is_empty() => return Err(bad("the command is empty")),
        Device::Command { argv } => (Line::Command { argv: argv.clone() }, None),
        Device::Tcp { address } => (Line::Tcp { address: address.clone() }, None),
        Device::Unix { path } => (Line::Unix { path: path.clone() }, None),
        Device::WireGuard { .. } => return Err(bad("WireGuard is not spoken over a line")),
    })
}

fn modem_config(device: &Device) -> Option<modem::Config> {
    let Device::Modem { init, tone, has_lines, connect_seconds, .. } = device else { return None };
    let usual = modem::Config::default();
    Some(modem::Config {
        init: if init.is_empty() { usual.init } else { init.clone() },
        tone: match tone {
            Tone::Tone => Some(true),
            Tone::Pulse => Some(false),
            Tone::Plain => None,
        },
        connect_timeout: Duration::from_secs(u64::from(*connect_seconds)),
        // The port itself says whether it has them; an entry can only say that they are not connected.
        has_lines: has_lines.unwrap_or(true),
        ..usual
    })
}

fn serial(port: &str, speed: u32, flow_control: bool) -> Result<Line> {
    if port.is_empty() || port.split('/').any(|part| part == "..") {
        return Err(bad(format!("{port:?} is no port")));
    }
    // An absolute name stays as it is.
    Ok(Line::Serial { device: PathBuf::from("/dev").join(port), speed: Speed(speed), flow_control })
}

fn ppp(wish: &Ppp, identity: Option<Identity>, asks_dns: bool) -> Config {
    let allowed = wish.auth.iter().map(|method| match method {
        AuthMethod::MsChapV2 => Method::MsChapV2,
        AuthMethod::Chap => Method::ChapMd5,
        AuthMethod::Pap => Method::Pap,
    });
    let offer = Offer { address: wish.peer_address, dns: [None; 2] };
    let ours = wish.local_address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
    let echo = (wish.echo_seconds > 0 && wish.echo_failures > 0)
        .then(|| (Duration::from_secs(u64::from(wish.echo_seconds)), wish.echo_failures));
    Config {
        line: Agreed { mru: wish.mru, accm: Accm(0), pfc: true, acfc: true },
        identity,
        allowed: allowed.collect(),
        ipv4: wish.ipv4.then_some((ours, offer)),
        asks_dns,
        ipv6: wish.ipv6,
        echo,
        seed: rand::rng().random(),
        ..Config::default()
    }
}

fn bad(why: impl Into<String>) -> Error {
    ErrorKind::BadParameter(why.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(toml: &str) -> Entry {
        toml::from_str(&format!("name = 'office'\n{toml}")).unwrap()
    }

    #[test]
    fn a_modem_is_below_dev_and_has_its_number() {
        let entry = entry(
            "user = 'eve'\n[device]\ntype = 'modem'\nport = 'ttyUSB0'\nnumber = '555-1234'\ntone = 'pulse'\n\
             [ppp]\nauth = ['chap']\necho_seconds = 0\nlocal_address = '10.0.0.7'",
        );
        let plan = Plan::of(&entry, Some(Zeroizing::new("tiger".into()))).unwrap();
        let device = PathBuf::from("/dev/ttyUSB0");
        assert_eq!(plan.line, Line::Serial { device, speed: Speed(115_200), flow_control: true });
        let (modem, number) = plan.modem.unwrap();
        assert_eq!((modem.tone, number.as_str()), (Some(false), "555-1234"));
        assert_eq!(modem.init, modem::Config::default().init);
        assert_eq!((plan.ppp.allowed, plan.ppp.echo), (vec![Method::ChapMd5], None));
        assert_eq!(plan.ppp.ipv4.unwrap().0.octets(), [10, 0, 0, 7]);
        assert_ne!(plan.ppp.seed, [0; 32]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for device in ["type = 'serial'\nport = '../etc/shadow'", "type = 'command'\nargv = []"] {
            let error = Plan::of(&entry(&format!("[device]\n{device}")), None).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::BadParameter(_)), "{error}");
        }
    }
}
