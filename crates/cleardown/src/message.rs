//! How an error is shown: what happened with its number, why, and what to do next.

use std::fmt::Write;

use cleardown_core::view::Holder;
use cleardown_core::{Error, ErrorKind, ras};

use crate::format::printable;

/// The lines for standard error, each with its end.
pub(crate) fn of(error: &Error) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let code = error.code();
    let whose = if ras::name(code).is_some() { "RAS" } else { "WNet" };
    let _ = writeln!(text, "error: {} ({whose} {})", printable(&what(&error.kind)), code.0);
    for holder in holders(&error.kind) {
        let _ = writeln!(text, "  held by: {}", printable(&holder.to_string()));
    }
    for cause in &error.causes {
        let _ = writeln!(text, "  because: {}", printable(cause));
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

/// The error's sentence; holders follow one a line and need not be in it.
fn what(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Busy { name, holders } if !holders.is_empty() => format!("{name} is in use"),
        ErrorKind::Link { entry, code, during } => match ras::text(*code) {
            Some(text) => format!("{entry}: {text}, while {during}"),
            None => format!("{entry}: it failed while {during}"),
        },
        kind => kind.to_string(),
    }
}

fn holders(kind: &ErrorKind) -> &[Holder] {
    match kind {
        ErrorKind::Busy { holders, .. } => holders,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use cleardown_core::Code;
    use cleardown_core::link::RasState;
    use cleardown_core::view::HolderKind;

    use super::*;

    fn every_kind() -> Vec<ErrorKind> {
        use ErrorKind::*;
        let s = |text: &str| text.to_owned();
        let holder = |pid, program: &str, path: &str, kind| Holder {
            pid,
            user: s("eve"),
            program: s(program),
            path: s(path),
            kind,
        };
        let shell = holder(4712, "bash", "/home/eve/Network/z", HolderKind::WorkingDirectory);
        let editor = holder(4711, "vim", "/home/eve/Network/z/a.txt", HolderKind::File);
        vec![
            BadLocalName(s("a/b")),
            BadRemoteName(s("server")),
            BadParameter(s("--wait and --force exclude each other")),
            NameInUse { name: s("z:"), remote: s("//fs1/projects") },
            NameRemembered { name: s("z:"), remote: s("//fs1/projects") },
            NoFreeName,
            NotConnected(s("z:")),
            OnlyRemembered(s("z:")),
            MountPoint { path: s("/etc/passwd"), why: s("it is not a folder") },
            MountPointNotEmpty(s("/home/eve/full")),
            NoFuse(s("/dev/fuse is missing")),
            UnknownHost(s("fs1")),
            NoRoute(s("192.0.2.1")),
            Refused(s("fs1:445")),
            Timeout { server: s("fs1"), during: s("connecting") },
            Authentication { user: s("eve"), server: s("fs1") },
            Kerberos { server: s("fs1"), why: s("the ticket of eve@EXAMPLE.COM has expired") },
            AccessDenied(s("//fs1/secret")),
            NoSuchShare(s("//fs1/nothing")),
            NoFolders(s("//fs1/IPC$")),
            Protocol { server: s("fs1"), why: s("it speaks SMB 1 only") },
            HostKeyUnknown { host: s("nas"), algorithm: s("ssh-ed25519"), fingerprint: s("SHA256:abc") },
            HostKeyChanged { host: s("nas"), fingerprint: s("SHA256:def") },
            ServerGone(s("fs1")),
            Busy { name: s("z:"), holders: vec![] },
            Busy { name: s("z:"), holders: vec![editor, shell.clone()] },
            Busy { name: s("z:"), holders: vec![shell] },
            FlushFailed { name: s("z:"), files: vec![s("a.txt"), s("b/c.txt")] },
            Deadline { name: s("z:"), unproven: vec![s("the server answered the log-off")] },
            Ending(s("z:")),
            NotPermitted(s("z: belongs to eve")),
            Cancelled,
            Daemon(s("cleardownd was not found")),
            WorkerDied(s("mounting")),
            Profile { at: s("/home/eve/.config/cleardown/drives/z.toml:3:1"), why: s("no such day") },
            NotSupported(s("a lock on a folder")),
            BadEntryName(s("a/b")),
            NoSuchEntry(s("office")),
            EntryExists(s("office")),
            Import { at: s("rasphone.pbk:3"), why: s("[name] of an entry should come first") },
            BadEntry { name: s("office"), problems: vec![s("device.number: there is no number to dial")] },
            Link { entry: s("office"), code: Code::LINE_BUSY, during: RasState::ConnectDevice },
            Link { entry: s("office"), code: Code::AUTHENTICATION_FAILURE, during: RasState::Authenticate },
            Link { entry: s("office"), code: Code::PORT_NOT_AVAILABLE, during: RasState::OpenPort },
            Foreign { name: s("tun7"), what: s("tun"), process: Some((s("openvpn"), 4711)) },
            Foreign { name: s("wg0"), what: s("wireguard"), process: None },
            Dependents { name: s("office"), drives: vec![s("y:"), s("z:")] },
            Os { during: s("reading /proc"), errno: 5 },
        ]
    }

    #[test]
    fn every_error_has_a_number_and_most_a_hint() {
        let text: Vec<String> = every_kind()
            .into_iter()
            .map(|kind| {
                let error = Error::from(kind);
                format!("{}exit code {}\n", of(&error), error.exit() as u8)
            })
            .collect();
        insta::assert_snapshot!("errors", text.join("\n"));
    }

    #[test]
    fn causes_are_shown_from_the_nearest_to_the_deepest() {
        let error =
            Error::from(ErrorKind::Refused("fs1:445".into())).because("connect").because("ECONNREFUSED");
        insta::assert_snapshot!(of(&error), @r#"
        error: fs1:445 refused the connection (WNet 1225)
          because: connect
          because: ECONNREFUSED
        hint: check that the file service runs there, and the port
        "#);
    }
}
