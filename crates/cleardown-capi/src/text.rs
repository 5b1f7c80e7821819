//! Strings in both encodings: A, which is UTF-8 here, and W, which is UTF-16.

use crate::failure::{Failure, MORE_DATA};
use crate::memory::{Plain, Ptr};
use cleardown_core::Code;

/// One unit of a string.
pub trait Unit: Plain + Default + PartialEq {
    /// The text that these units make, if they make one.
    fn decode(units: &[Self]) -> Option<String>;
    /// The units of a text.
    fn encode(text: &str) -> Vec<Self>;
    /// Puts as many whole characters of a text there as fit: how many units that are.
    fn fill(text: &str, place: &mut [Self]) -> usize;
}

impl Unit for u8 {
    fn decode(units: &[u8]) -> Option<String> {
        std::str::from_utf8(units).ok().map(str::to_owned)
    }
    fn encode(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }
    fn fill(text: &str, place: &mut [u8]) -> usize {
        let end = text.floor_char_boundary(place.len());
        place[..end].copy_from_slice(&text.as_bytes()[..end]);
        end
    }
}

impl Unit for u16 {
    fn decode(units: &[u16]) -> Option<String> {
        String::from_utf16(units).ok()
    }
    fn encode(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }
    fn fill(text: &str, place: &mut [u16]) -> usize {
        let mut end = 0;
        for c in text.chars() {
            let Some(units) = place.get_mut(end..end + c.len_utf16()) else { break };
            c.encode_utf16(units);
            end += c.len_utf16();
        }
        end
    }
}

/// The units of as many whole characters of a text as fit into `room` units, and a zero at the end.
pub(crate) fn cut<C: Unit>(text: &str, room: usize) -> Vec<C> {
    // No text has more units than octets.
    let mut units = vec![C::default(); room.saturating_sub(1).min(text.len()) + 1];
    let last = units.len() - 1;
    let end = C::fill(text, &mut units[..last]);
    units.truncate(end + 1);
    units
}

/// A field of fixed length with this text, cut if need be, and always ended.
pub(crate) fn field<C: Unit, const N: usize>(text: &str) -> [C; N] {
    let mut field = [C::default(); N];
    C::fill(text, &mut field[..N.saturating_sub(1)]);
    field
}

/// The text in a field of fixed length; none when it is not well encoded. A field without a zero ends where it ends.
pub(crate) fn of_field<C: Unit, const N: usize>(field: [C; N]) -> Option<String> {
    let end = field.iter().position(|unit| *unit == C::default()).unwrap_or(N);
    C::decode(&field[..end])
}

/// Puts a text into the caller's buffer of `size` units.
///
/// # Errors
/// 487: there is no size. 234: there is no buffer, or it is too small; then the size says what is needed.
pub(crate) fn put<C: Unit>(text: &str, buffer: Ptr<C>, size: Ptr<u32>) -> Result<(), Failure> {
    let room = size.read().ok_or(Code(487))?;
    let mut units = C::encode(text);
    units.push(C::default());
    let needed = u32::try_from(units.len()).unwrap_or(u32::MAX);
    if buffer.is_null() || room < needed {
        let _ = size.write(needed);
        return Err(MORE_DATA.into());
    }
    let _ = buffer.write_all(&units);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut::<u8>("aö", 3), b"a\0");
        assert_eq!(cut::<u8>("aö", 4), "aö\0".as_bytes());
        assert_eq!(cut::<u16>("a😀", 3), [97, 0]);
        assert_eq!(cut::<u8>("abc", 0), b"\0");
        assert_eq!(field::<u8, 3>("abcdef"), *b"ab\0");
        assert_eq!(field::<u8, 5>("aöb"), *b"a\xc3\xb6b\0");
        assert_eq!(field::<u16, 4>("😀😀"), [0xd83d, 0xde00, 0, 0]);
        assert_eq!(of_field(*b"abc"), Some("abc".into()));
    }
}
