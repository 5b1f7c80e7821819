//! Strings between UTF-8 and UTF-16, and the lengths of both.

use crate::error::SetLastError;

/// ERROR_INSUFFICIENT_BUFFER.
const TOO_SMALL: u32 = 122;
/// ERROR_INVALID_PARAMETER.
const INVALID_PARAMETER: u32 = 87;

/// The units of a string up to its zero, or `length` units.
///
/// # Safety
/// The string has so many units, or a zero when `length` is negative.
unsafe fn units<'a, C: Copy + PartialEq + Default>(string: *const C, length: i32) -> &'a [C] {
    let length = match usize::try_from(length) {
        Ok(length) => length,
        // The zero is part of what is converted, as documented.
        // SAFETY: as promised: there is a zero.
        Err(_) => (0..).find(|i| unsafe { *string.add(*i) } == C::default()).unwrap_or_default() + 1,
    };
    // SAFETY: as promised.
    unsafe { std::slice::from_raw_parts(string, length) }
}

/// Copies, or only counts when there is no room asked for.
///
/// # Safety
/// There is room for `room` units.
unsafe fn give<C: Copy>(from: &[C], to: *mut C, room: i32) -> i32 {
    let count = i32::try_from(from.len()).unwrap_or(i32::MAX);
    if room == 0 {
        return count;
    }
    if to.is_null() || room < count {
        SetLastError(TOO_SMALL);
        return 0;
    }
    // SAFETY: as promised; `from` is our own.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    count
}

/// MultiByteToWideChar: every code page is UTF-8.
///
/// # Safety
/// As the public documentation says of its parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MultiByteToWideChar(
    _page: u32,
    _flags: u32,
    text: *const u8,
    length: i32,
    wide: *mut u16,
    room: i32,
) -> i32 {
    if text.is_null() || length == 0 {
        SetLastError(INVALID_PARAMETER);
        return 0;
    }
    // SAFETY: as promised to us.
    let text = String::from_utf8_lossy(unsafe { units(text, length) });
    let units: Vec<u16> = text.encode_utf16().collect();
    // SAFETY: as promised to us.
    unsafe { give(&units, wide, room) }
}

/// WideCharToMultiByte: every code page is UTF-8.
///
/// # Safety
/// As the public documentation says of its parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WideCharToMultiByte(
    _page: u32,
    _flags: u32,
    wide: *const u16,
    length: i32,
    text: *mut u8,
    room: i32,
    _default: *const u8,
    used: *mut i32,
) -> i32 {
    if wide.is_null() || length == 0 {
        SetLastError(INVALID_PARAMETER);
        return 0;
    }
    // SAFETY: as promised to us.
    let units = unsafe { units(wide, length) };
    if !used.is_null() {
        // SAFETY: as promised to us.
        unsafe { used.write_unaligned(0) };
    }
    // SAFETY: as promised to us.
    unsafe { give(String::from_utf16_lossy(units).as_bytes(), text, room) }
}

/// lstrlenA: 0 for NULL.
///
/// # Safety
/// The string ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrlenA(text: *const u8) -> i32 {
    // SAFETY: as promised to us.
    if text.is_null() { 0 } else { i32::try_from(unsafe { units(text, -1) }.len() - 1).unwrap_or(i32::MAX) }
}

/// lstrlenW: 0 for NULL.
///
/// # Safety
/// The string ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrlenW(text: *const u16) -> i32 {
    // SAFETY: as promised to us.
    if text.is_null() { 0 } else { i32::try_from(unsafe { units(text, -1) }.len() - 1).unwrap_or(i32::MAX) }
}
