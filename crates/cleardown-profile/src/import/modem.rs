//! The device of an entry of `rasphone.pbk`.

use cleardown_core::link::{Device, Tone};

use super::Remarks;
use super::pbk::{Part, Section};

/// The device, or why there is none for it here. What is lost or assumed on the way goes into `remarks`.
pub(super) fn device(section: &Section<'_>, remarks: &mut Remarks) -> Result<Device, String> {
    let attached = section.devices.iter().find(|part| !part.kind.eq_ignore_ascii_case("switch"));
    let kind = attached.map_or(String::new(), |part| part.kind.to_ascii_lowercase());
    // RASET_*: telephone, VPN, direct, internet, broadband.
    match (section.keys.number("Type"), kind.as_str()) {
        (Some(2), _) | (_, "vpn") => return Err(vpn(section.keys.number("VpnStrategy").unwrap_or(0))),
        (Some(5), _) | (_, "pppoe") => {
            return Err("it is broadband (PPPoE), which is not supported yet".to_owned());
        }
        (_, "isdn" | "x25" | "pad" | "atm" | "framerelay" | "irda" | "parallel" | "sw56" | "sonet") => {
            return Err(format!("its device ({kind}) is not supported"));
        }
        _ => {}
    }
    if !matches!(section.keys.number("BaseProtocol"), None | Some(1)) {
        return Err("it speaks SLIP or an older protocol, and not PPP".to_owned());
    }
    let Some(attached) = attached else { return Err("it has no device".to_owned()) };
    let name = |key| section.media.first().and_then(|media| media.keys.text(key));
    let windows = name("Port").or_else(|| section.keys.text("PreferredPort"));
    let port = port(windows, remarks)?;
    let speeds = [name("ConnectBPS").and_then(|bps| bps.parse().ok()), section.keys.set("PreferredBps")];
    let speed = speeds.into_iter().flatten().find(|bps| (300..=4_000_000).contains(bps)).unwrap_or(115_200);
    let flow_control =
        attached.keys.number("HwFlowControl").or(section.keys.number("PreferredHwFlow")) != Some(0);
    let cable = name("Device").is_some_and(|device| device.to_ascii_lowercase().contains("cable"));
    if kind == "null" || cable || section.keys.number("Type") == Some(3) {
        return Ok(Device::Serial { port, speed, flow_control });
    }
    let number = number(attached, remarks);
    let tone = if number.starts_with('*') { Tone::Plain } else { Tone::Tone };
    Ok(Device::Modem {
        port,
        number,
        init: Vec::new(),
        tone,
        speed,
        flow_control,
        has_lines: None,
        connect_seconds: 60,
    })
}

/// The values of `RASENTRY.dwVpnStrategy`.
fn vpn(strategy: u32) -> String {
    let kind = match strategy {
        1 | 2 => "PPTP",
        3 | 4 => "L2TP",
        5 | 6 => "SSTP",
        7 | 8 => "IKEv2",
        _ => "of any kind that works: IKEv2, SSTP, PPTP or L2TP",
    };
    format!("it is a VPN ({kind}), which is not supported")
}

/// `COM3` is by custom the third serial port here too.
fn port(windows: Option<&str>, remarks: &mut Remarks) -> Result<String, String> {
    let Some(windows) = windows else {
        remarks.assumed.push("no port is named; it is /dev/ttyS0".to_owned());
        return Ok("ttyS0".to_owned());
    };
    if windows.get(..3).is_some_and(|kind| kind.eq_ignore_ascii_case("LPT")) {
        return Err("its device is on a parallel port".to_owned());
    }
    let number = windows.get(..3).filter(|kind| kind.eq_ignore_ascii_case("COM"));
    let number =
        number.and_then(|_| windows[3..].parse::<u16>().ok()).filter(|number| (1..=256).contains(number));
    let port = format!("ttyS{}", number.map_or(0, |number| number - 1));
    remarks.assumed.push(match number {
        Some(_) => format!("the port {windows} is /dev/{port} here"),
        None => format!("the port {windows:?} means nothing here; it is /dev/{port}"),
    });
    Ok(port)
}

/// The number as it is dialled. Dialling rules need to know where one is, so they are not applied.
fn number(part: &Part<'_>, remarks: &mut Remarks) -> String {
    let local = part.keys.text("PhoneNumber").unwrap_or_default();
    let area = part.keys.text("AreaCode").unwrap_or_default();
    match part.keys.set("UseDialingRules") {
        Some(_) => {
            let country =
                part.keys.set("CountryCode").map(|code| format!("country code {code}, ")).unwrap_or_default();
            let rules = if area.is_empty() { "no area code".to_owned() } else { format!("area code {area}") };
            remarks
                .left
                .push(format!("dialling rules ({country}{rules}): check the number and what goes before it"));
            format!("{area}{local}")
        }
        None => local.to_owned(),
    }
}
