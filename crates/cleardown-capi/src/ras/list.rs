//! Lists in the caller's buffer: how RAS tells sizes and counts.

use cleardown_core::Code;

use super::types::Aged;
use crate::Failure;
use crate::memory::Ptr;

/// Fills the caller's array with `items`, each in the version that the first element's size names.
///
/// # Errors
/// 87: there is no place for size or count. 603: too small; bytes needed and count are told. 632: no version has this size;
/// nothing is told.
pub(super) fn fill<T: Aged, I>(
    items: &[I],
    buffer: Ptr<T>,
    bytes: Ptr<u32>,
    count: Ptr<u32>,
    make: impl Fn(&I) -> T,
) -> Result<(), Failure> {
    let (Some(room), false) = (bytes.read(), count.is_null()) else {
        return Err(Code::INVALID_PARAMETER.into());
    };
    let known = (!buffer.is_null() && room >= 4).then(|| buffer.cast::<u32>().read()).flatten();
    if known.is_some_and(|size| !T::knows(size)) {
        return Err(Code::INVALID_SIZE.into());
    }
    let newest = T::SIZES.last().copied().unwrap_or_default();
    let each = known.unwrap_or(newest);
    let number = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let needed = number.saturating_mul(each);
    let _ = bytes.write(needed);
    let _ = count.write(number);
    if number == 0 {
        return Ok(());
    }
    if known.is_none() || room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    for (i, item) in items.iter().enumerate() {
        let place = buffer.skip(i * each as usize);
        let _ = place.write_prefix(&make(item), each as usize);
        let _ = place.cast::<u32>().write(each);
    }
    Ok(())
}

/// Fills one structure of the caller, in the version that its size names.
///
/// # Errors
/// 87: there is none. 632: no version has this size.
pub(super) fn fill_one<T: Aged>(place: Ptr<T>, value: &T) -> Result<(), Failure> {
    let size = place.cast::<u32>().read().ok_or(Code::INVALID_PARAMETER)?;
    if !T::knows(size) {
        return Err(Code::INVALID_SIZE.into());
    }
    let _ = place.write_prefix(value, size as usize);
    let _ = place.cast::<u32>().write(size);
    Ok(())
}

/// Reads one structure of the caller; what its version lacks is zero.
///
/// # Errors
/// As [`fill_one`].
pub(super) fn read_one<T: Aged>(place: Ptr<T>) -> Result<T, Failure> {
    let size = place.cast::<u32>().read().ok_or(Code::INVALID_PARAMETER)?;
    if !T::knows(size) {
        return Err(Code::INVALID_SIZE.into());
    }
    place.read_prefix(size as usize).ok_or_else(|| Code::INVALID_PARAMETER.into())
}
