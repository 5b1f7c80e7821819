//! The errors of RAS (`raserror.h`): number, name and our own words for each.

mod table;

use crate::code::Code;

use table::TABLE;

macro_rules! given {
    ($($name:ident = $number:literal;)*) => {
        impl Code {
            $(#[doc = concat!("`ERROR_", stringify!($name), "`: see [`text`].")] pub const $name: Code = Code($number);)*
        }

        #[cfg(test)]
        const GIVEN: &[(&str, u32)] = &[$((stringify!($name), $number),)*];
    };
}

// Those that Cleardown itself gives.
given! {
    PORT_ALREADY_OPEN = 602;
    BUFFER_TOO_SMALL = 603;
    DEVICE_DOES_NOT_EXIST = 608;
    PORT_NOT_FOUND = 615;
    PORT_DISCONNECTED = 619;
    CANNOT_OPEN_PHONEBOOK = 621;
    CANNOT_FIND_PHONEBOOK_ENTRY = 623;
    CANNOT_WRITE_PHONEBOOK = 624;
    CORRUPT_PHONEBOOK = 625;
    REMOTE_DISCONNECTION = 629;
    HARDWARE_FAILURE = 630;
    USER_DISCONNECTION = 631;
    INVALID_SIZE = 632;
    PORT_NOT_AVAILABLE = 633;
    REQUEST_TIMEOUT = 638;
    ACCT_DISABLED = 647;
    PASSWD_EXPIRED = 648;
    NO_DIALIN_PERMISSION = 649;
    RESTRICTED_LOGON_HOURS = 646;
    FROM_DEVICE = 651;
    NO_CONNECTION = 668;
    LINE_BUSY = 676;
    VOICE_ANSWER = 677;
    NO_ANSWER = 678;
    NO_CARRIER = 679;
    NO_DIALTONE = 680;
    AUTHENTICATION_FAILURE = 691;
    PORT_OR_DEVICE = 692;
    CHANGING_PASSWORD = 709;
    IP_CONFIGURATION = 716;
    PPP_TIMEOUT = 718;
    PPP_REMOTE_TERMINATED = 719;
    PPP_NO_PROTOCOLS_CONFIGURED = 720;
    PPP_NO_RESPONSE = 721;
    PPP_NOT_CONVERGING = 732;
    PPP_CP_REJECTED = 733;
    PPP_LCP_TERMINATED = 734;
    PPP_LOOPBACK_DETECTED = 737;
    PPP_NO_ADDRESS_ASSIGNED = 738;
    BAD_PHONE_NUMBER = 749;
    HANGUP_FAILED = 753;
    DIAL_ALREADY_IN_PROGRESS = 756;
    UNABLE_TO_AUTHENTICATE_SERVER = 778;
    VPN_TIMEOUT = 809;
    IDLE_TIMEOUT = 828;
    LINK_FAILURE = 829;
    SYSTEM_SUSPENDED = 833;
    DNSNAME_NOT_RESOLVABLE = 868;
}

fn row(code: Code) -> Option<&'static (u32, &'static str, &'static str)> {
    let first = TABLE.first()?.0;
    TABLE.get(usize::try_from(code.0.checked_sub(first)?).ok()?)
}

/// The documented name without its `ERROR_` prefix.
pub fn name(code: Code) -> Option<&'static str> {
    row(code).map(|(_, name, _)| *name)
}

/// What the error means, in words.
pub fn text(code: Code) -> Option<&'static str> {
    row(code).map(|(_, _, text)| *text)
}

/// What to do next, when there is something.
pub fn hint(code: Code) -> Option<&'static str> {
    Some(table::hint(code.0)).filter(|hint| !hint.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_name_and_words() {
        assert_eq!(name(Code::LINE_BUSY), Some("LINE_BUSY"));
        assert_eq!(text(Code(676)), Some("the line is busy"));
        assert!(hint(Code(676)).is_some() && hint(Code(631)).is_none());
        assert_eq!((text(Code(0)), text(Code(599)), text(Code(871))), (None, None, None));
    }

    #[test]
    fn every_number_from_600_to_870_is_there_once() {
        let numbers: Vec<u32> = TABLE.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, (600..=870).collect::<Vec<_>>());
        let mut names: Vec<&str> = TABLE.iter().map(|(_, name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn what_is_given_has_its_documented_number() {
        for (given, number) in GIVEN {
            assert_eq!(name(Code(*number)), Some(*given));
        }
    }
}
