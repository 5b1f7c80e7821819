//! File names for names that may hold any character.

use std::fmt::Write;

/// A file system takes 255 bytes; this leaves room for what is put behind.
const LONGEST: usize = 180;

/// The text with every character that is not `plain` as `%XX` for each of its bytes. What is too long is cut, and its
/// end stands for the whole text. `plain` has neither `%` nor `~`, so that different texts stay different.
pub(crate) fn encode(text: &str, plain: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) {
            encoded.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|at| encoded.is_char_boundary(*at)).unwrap_or(0);
        encoded.truncate(cut);
        let _ = write!(encoded, "~{:032x}", fnv(text.as_bytes()));
    }
    encoded
}

/// FNV-1a of 128 bits: names are the user's own, so nobody works on a collision.
fn fnv(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(text: &str) -> String {
        encode(text, |c| c.is_alphanumeric() || "-_. ".contains(c))
    }

    #[test]
    fn a_name_stays_readable_where_it_can() {
        assert_eq!(stem("büro 2"), "büro 2");
        assert_eq!(stem("a%b~c&d"), "a%25b%7Ec%26d");
        assert_eq!(stem("🔑"), "%F0%9F%94%91");
    }

    #[test]
    fn long_names_fit_and_stay_different() {
        let (a, b) = (stem(&format!("{}a", "ж".repeat(255))), stem(&format!("{}b", "ж".repeat(255))));
        assert!(a.len() < 220 && b.len() < 220 && a != b, "{a} {b}");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
