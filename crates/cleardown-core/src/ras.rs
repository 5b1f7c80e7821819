//! The errors of RAS (`raserror.h`): number, name and our own words for each.

use crate::code::Code;

macro_rules! errors {
    ($($number:literal $name:ident $text:literal $hint:literal;)*) => {
        impl Code {
            $(#[doc = concat!($text, ".")] pub const $name: Code = Code($number);)*
        }

        /// The documented name without its `ERROR_` prefix.
        pub fn name(code: Code) -> Option<&'static str> {
            match code.0 { $($number => Some(stringify!($name)),)* _ => None }
        }

        /// What the error means, in words.
        pub fn text(code: Code) -> Option<&'static str> {
            match code.0 { $($number => Some($text),)* _ => None }
        }

        /// What to do next, when there is something.
        pub fn hint(code: Code) -> Option<&'static str> {
            let hint = match code.0 { $($number => $hint,)* _ => "" };
            (!hint.is_empty()).then_some(hint)
        }
    };
}

errors! {
    602 PORT_ALREADY_OPEN "the port is open already" "cleardown list shows which link has it";
    603 BUFFER_TOO_SMALL "the buffer is too small" "";
    608 DEVICE_DOES_NOT_EXIST "there is no such device" "cleardown phonebook devices lists what there is";
    615 PORT_NOT_FOUND "there is no such port" "check the entry's port; cleardown phonebook devices lists what there is";
    619 PORT_DISCONNECTED "the port was disconnected" "check the cable, or that the peer's service runs, and dial again";
    623 CANNOT_FIND_PHONEBOOK_ENTRY "the phone book has no such entry" "cleardown phonebook list shows the entries";
    624 CANNOT_WRITE_PHONEBOOK "the phone book cannot be written" "";
    625 CORRUPT_PHONEBOOK "the phone book is damaged" "cleardown phonebook validate names the place";
    629 REMOTE_DISCONNECTION "the peer ended the link" "dial again, or ask the peer's administrator why";
    630 HARDWARE_FAILURE "the device does not answer" "switch the modem off and on, and check its cable";
    631 USER_DISCONNECTION "the link was ended on request" "";
    632 INVALID_SIZE "a structure has a wrong size" "";
    633 PORT_NOT_AVAILABLE "the port is in use" "end what uses it (cleardown list, or fuser -v DEVICE) and dial again";
    638 REQUEST_TIMEOUT "the request took too long" "";
    668 NO_CONNECTION "the connection was dropped" "dial again";
    676 LINE_BUSY "the line is busy" "dial again later, or set redial attempts in the entry";
    678 NO_ANSWER "there was no answer" "check the number, and that the other side's modem is on";
    679 NO_CARRIER "no carrier was detected" "check the number and the telephone cable";
    680 NO_DIALTONE "there is no dial tone" "check the telephone cable; behind an exchange X3 in the init string may help";
    691 AUTHENTICATION_FAILURE "the peer did not accept the user with this password" "check user and password; for a domain user write DOMAIN\\user";
    692 PORT_OR_DEVICE "the port or the device failed" "check the entry's port, and what is attached to it";
    718 PPP_TIMEOUT "the peer stopped answering while PPP was negotiated" "the other side may not speak PPP; try again, or ask its administrator";
    720 PPP_NO_PROTOCOLS_CONFIGURED "no network protocol could be agreed on" "allow IPv4 or IPv6 in the entry, or ask the peer's administrator for an address";
    732 PPP_NOT_CONVERGING "the peer does not agree with what is needed" "";
    737 PPP_LOOPBACK_DETECTED "the line brings back what is sent" "check the cable, and that somebody speaks PPP at its other end";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_name_and_words() {
        assert_eq!(name(Code::LINE_BUSY), Some("LINE_BUSY"));
        assert_eq!(text(Code(676)), Some("the line is busy"));
        assert!(hint(Code(676)).is_some() && hint(Code(631)).is_none());
        assert_eq!(text(Code(0)), None);
    }
}
