//! Names: Linux bytes on one side, SMB's UTF-16 on the other, and back without loss.
//!
//! SMB forbids `" * : < > ? \ |`, the control characters, and a space or dot at the end of a name. Those are moved
//! into the private-use area as Apple's SFM did, and as Samba's `catia`/`fruit` and Linux cifs (`mapposix`) do:
//! U+F001..U+F01F for the control characters, U+F020..U+F027 for `" * : < > ? \ |`, U+F028 and U+F029 for a space
//! and a dot at the end. Two more uses of that area are ours:
//!
//! - a byte that is not UTF-8 becomes U+F700 + byte, that is U+F780..U+F7FF;
//! - the first letter of a name that Windows takes for a device (`con`, `nul.txt`, `aux.c`), which Samba shows under an
//!   invented name, becomes U+F700 + letter;
//! - a character that is itself in one of these ranges is written as the bytes of its UTF-8 form, in the second way.
//!
//! So every Linux name has exactly one form on the wire, and comes back as it was. A name found on the server that no
//! Linux name would have made (a lone surrogate, a mapped character that need not be mapped) is shown as what it
//! means, with lone surrogates as their three-byte form; such a name may not be reachable.

/// Longest component in UTF-16 code units.
pub(crate) const MAX_UNITS: usize = 255;

const BYTES: std::ops::RangeInclusive<u32> = 0xF701..=0xF7FF;
const MAPPED: std::ops::RangeInclusive<u32> = 0xF001..=0xF029;
const FORBIDDEN: [char; 8] = ['"', '*', ':', '<', '>', '?', '\\', '|'];

/// The component is longer than SMB can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// One component of a Linux path as SMB writes it, appended.
pub(crate) fn encode(name: &[u8], into: &mut Vec<u16>) -> Result<(), TooLong> {
    let start = into.len();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            encode_char(c, into);
        }
        into.extend(chunk.invalid().iter().map(|byte| encode_byte(*byte)));
    }
    if is_device(name) {
        into[start] = encode_byte(name[0]);
    }
    if let Some(last) = into[start..].last_mut() {
        match *last {
            0x20 => *last = 0xF028,
            0x2E => *last = 0xF029,
            _ => {}
        }
    }
    if into.len() - start > MAX_UNITS { Err(TooLong) } else { Ok(()) }
}

fn encode_char(c: char, into: &mut Vec<u16>) {
    let code = u32::from(c);
    if let Some(index) = FORBIDDEN.iter().position(|forbidden| *forbidden == c) {
        into.push(0xF020 + index as u16);
    } else if (1..0x20).contains(&code) {
        into.push(0xF000 + code as u16);
    } else if MAPPED.contains(&code) || BYTES.contains(&code) {
        let mut utf8 = [0; 4];
        into.extend(c.encode_utf8(&mut utf8).bytes().map(encode_byte));
    } else {
        into.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
}

fn encode_byte(byte: u8) -> u16 {
    0xF700 + u16::from(byte)
}

/// Whether Windows takes a name for a device: `con`, `prn`, `aux`, `nul`, `com1`..`com9`, `lpt1`..`lpt9`, with or
/// without an extension.
pub(crate) fn is_device(name: &[u8]) -> bool {
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or(name).trim_ascii_end();
    match stem {
        [a, b, c] => {
            let stem = [*a, *b, *c].map(|byte| byte.to_ascii_lowercase());
            matches!(&stem, b"con" | b"prn" | b"aux" | b"nul")
        }
        [a, b, c, b'1'..=b'9'] => {
            let stem = [*a, *b, *c].map(|byte| byte.to_ascii_lowercase());
            matches!(&stem, b"com" | b"lpt")
        }
        _ => false,
    }
}

/// A name from the wire as Linux bytes; none if it cannot be one (empty, a slash, NUL, `.` or `..`).
pub(crate) fn decode(units: &[u16]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(units.len() + 8);
    for result in char::decode_utf16(units.iter().copied()) {
        match result {
            Ok(c) => decode_char(c, &mut name),
            Err(lone) => {
                let code = lone.unpaired_surrogate();
                let bits = |shift: u16| (code >> shift & 0x3F) as u8;
                name.extend([0xE0 | (code >> 12) as u8, 0x80 | bits(6), 0x80 | bits(0)]);
            }
        }
    }
    let is_component = !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0));
    is_component.then_some(name)
}

fn decode_char(c: char, name: &mut Vec<u8>) {
    let code = u32::from(c);
    match code {
        0xF001..=0xF01F => name.push(code as u8),
        0xF020..=0xF027 => name.push(FORBIDDEN[(code - 0xF020) as usize] as u8),
        0xF028 => name.push(b' '),
        0xF029 => name.push(b'.'),
        code if BYTES.contains(&code) => name.push(code as u8),
        _ => name.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(name: &[u8]) -> Vec<u16> {
        let mut units = Vec::new();
        encode(name, &mut units).unwrap();
        units
    }

    #[test]
    fn forbidden_characters_move_to_the_private_area() {
        assert_eq!(wire(b"a:b"), [0x61, 0xF022, 0x62]);
        assert_eq!(wire(b"end. "), [0x65, 0x6E, 0x64, 0x2E, 0xF028]);
        assert_eq!(wire(b"..."), [0x2E, 0x2E, 0xF029]);
        assert_eq!(wire(b"\xFF"), [0xF7FF]);
        assert_eq!(wire(b"aux.c"), [0xF761, 0x75, 0x78, 0x2E, 0x63]);
        assert_eq!(wire(b"auxiliary")[0], 0x61);
        assert_eq!(wire("ä😀".as_bytes()), [0xE4, 0xD83D, 0xDE00]);
    }

    #[test]
    fn names_have_at_most_255_units() {
        assert!(encode("ä".repeat(255).as_bytes(), &mut Vec::new()).is_ok());
        assert_eq!(encode("ä".repeat(256).as_bytes(), &mut Vec::new()), Err(TooLong));
        assert_eq!(encode("😀".repeat(128).as_bytes(), &mut Vec::new()), Err(TooLong));
    }

    #[test]
    fn what_is_no_component_is_left_out() {
        for bad in [&[][..], &[0x2E], &[0x2E, 0x2E], &[0x61, 0x2F], &[0]] {
            assert_eq!(decode(bad), None);
        }
    }

    fn component() -> impl Strategy<Value = Vec<u8>> {
        let awkward = prop::sample::select(vec![
            "\u{F001}", "\u{F029}", "\u{F780}", "\u{F7FF}", ":", "\\", " ", ".", "\u{1}", "é", "😀",
            "\u{FFFF}",
        ]);
        let pieces = prop_oneof![
            awkward.prop_map(|text| text.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 1..4),
        ];
        prop::collection::vec(pieces, 1..60)
            .prop_map(|pieces| pieces.concat())
            .prop_map(|name| name.into_iter().filter(|byte| !matches!(byte, 0 | b'/')).collect::<Vec<u8>>())
            .prop_filter("a component", |name| !name.is_empty() && name != b"." && name != b"..")
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in component()) {
            let mut units = Vec::new();
            if encode(&name, &mut units).is_ok() {
                prop_assert_eq!(decode(&units), Some(name));
                let forbidden = |unit: &u16| *unit < 0x20 || "\"*:<>?\\|/".encode_utf16().any(|u| u == *unit);
                prop_assert!(!units.iter().any(forbidden));
                prop_assert!(!matches!(units.last(), Some(0x20 | 0x2E)));
            }
        }

        #[test]
        fn any_wire_name_is_read_without_panic(units in prop::collection::vec(any::<u16>(), 0..300)) {
            decode(&units);
        }
    }
}
