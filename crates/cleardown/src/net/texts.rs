//! The sentences that Windows has for its error numbers.

use cleardown_core::Error;

/// What `net /?` prints.
pub(super) const SYNTAX: &str = r"The syntax of this command is:

NET USE
[devicename | *] [\\computername\sharename[\path] | URL] [*]
        [/USER:[domainname\]username]
        [/PERSISTENT:{YES | NO}]
        [[/DELETE] [/YES | /NO]]

NET USE [/PERSISTENT:{YES | NO}]

NET USE {devicename | \\computername\sharename | *} /DELETE [/YES | /NO]

NET VIEW [\\computername [/ALL]]

NET HELPMSG message#
";

/// ERROR_NO_BROWSER_SERVERS_FOUND.
pub(super) const NO_BROWSER: u32 = 6118;

/// The system's text for a number, where we give that number.
pub(super) fn system(code: u32) -> Option<&'static str> {
    Some(match code {
        5 => "Access is denied.",
        6 => "The handle is invalid.",
        50 => "The request is not supported.",
        53 => "The network path was not found.",
        59 => "An unexpected network error occurred.",
        64 => "The specified network name is no longer available.",
        66 => "The network resource type is not correct.",
        67 => "The network name cannot be found.",
        85 => "The local device name is already in use.",
        86 => "The specified network password is not correct.",
        87 => "The parameter is incorrect.",
        121 => "The semaphore timeout period has expired.",
        145 => "The directory is not empty.",
        170 => "The requested resource is in use.",
        259 => "No more data is available.",
        1062 => "The service has not been started.",
        1117 => "The request could not be performed because of an I/O device error.",
        1200 => "The specified device name is invalid.",
        1201 => "The device is not currently connected but it is a remembered connection.",
        1202 => "The local device name has a remembered connection to another network resource.",
        1203 => "No network provider accepted the given network path.",
        1204 => "The specified network provider name is invalid.",
        1205 => "Unable to open the network connection profile.",
        1206 => "The network connection profile is corrupted.",
        1208 => "An extended error has occurred.",
        1222 => "The network is not present or not started.",
        1223 => "The operation was canceled by the user.",
        1225 => "The remote computer refused the network connection.",
        1231 => "The network location cannot be reached.",
        1232 => "The network location cannot be reached.",
        1326 => "The user name or password is incorrect.",
        2202 => "The specified username is invalid.",
        2250 => "The network connection could not be found.",
        2401 => "There are open files on the connection.",
        2404 => "The device is in use by an active process and cannot be disconnected.",
        NO_BROWSER => "The list of servers for this workgroup is not currently available.",
        _ => return None,
    })
}

/// A failure: numbers from 2100 on are the network's own messages, the others the system's errors.
pub(super) fn failure(error: &Error) -> String {
    let code = error.code().0;
    let text = system(code).unwrap_or("An extended error has occurred.");
    let says = match code {
        2100.. => format!("{text}\n\nMore help is available by typing NET HELPMSG {code}."),
        _ => format!("System error {code} has occurred.\n\n{text}"),
    };
    format!("{says}\n\n{}", crate::message::of(error))
}

#[cfg(test)]
mod tests {
    use cleardown_core::ErrorKind;

    use super::*;

    #[test]
    fn failures_read_as_in_windows_and_then_say_more() {
        let in_use = ErrorKind::NameInUse { name: "z:".into(), remote: "//fs1/a".into() };
        let texts = [failure(&in_use.into()), failure(&ErrorKind::NotConnected("z:".into()).into())];
        insta::assert_snapshot!(texts.join("----\n"), @r#"
        System error 85 has occurred.

        The local device name is already in use.

        error: z: is already connected to //fs1/a (WNet 85)
        hint: end it first (cleardown end z:), add --replace, or choose another name; * takes the first free one
        ----
        The network connection could not be found.

        More help is available by typing NET HELPMSG 2250.

        error: z: is not connected (WNet 2250)
        hint: cleardown list shows what is connected, cleardown list --remembered what is remembered
        "#);
    }
}
