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
    /// How many units a character takes.
    fn units(c: char) -> usize;
}

impl Unit for u8 {
    fn decode(units: &[u8]) -> Option<String> {
        std::str::from_utf8(units).ok().map(str::to_owned)
    }
    fn encode(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }
    fn units(c: char) -> usize {
        c.len_utf8()
    }
}

impl Unit for u16 {
    fn decode(units: &[u16]) -> Option<String> {
        String::from_utf16(units).ok()
    }
    fn encode(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }
    fn units(c: char) -> usize {
        c.len_utf16()
    }
}

/// The units of as many whole characters of a text as fit into `room` units, and a zero at the end.
pub(crate) fn cut<C: Unit>(text: &str, room: usize) -> Vec<C> {
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(C::units(*c)) {
        Some(less) => {
            left = less;
            true
        }
        None => false,
    };
    let part: String = text.chars().take_while(fits).collect();
    let mut units = C::encode(&part);
    units.push(C::default());
    units
}

/// A field of fixed length with this text, cut if need be, and always ended.
pub(crate) fn field<C: Unit, const N: usize>(text: &str) -> [C; N] {
    let mut field = [C::default(); N];
    let units = cut::<C>(text, N);
    field[..units.len()].copy_from_slice(&units);
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
        assert_eq!(of_field(*b"abc"), Some("abc".into()));
    }
}
