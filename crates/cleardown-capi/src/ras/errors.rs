//! What the numbers of RAS mean: RasGetErrorString.

use cleardown_core::{Code, ras};

use crate::Failure;
use crate::memory::Ptr;
use crate::text::Unit;

/// RasGetErrorString: a sentence for a number from 600 on. The size counts characters.
///
/// # Errors
/// 87: not a number of RAS, or no buffer. 122: the buffer is too small.
pub fn string<C: Unit>(code: u32, buffer: Ptr<C>, room: u32) -> Result<(), Failure> {
    let text = ras::text(Code(code)).ok_or(Code::INVALID_PARAMETER)?;
    if buffer.is_null() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let mut first = text.chars();
    let sentence: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    let mut units = C::encode(&format!("{sentence}."));
    units.push(C::default());
    if units.len() > room as usize {
        return Err(Code(122).into());
    }
    let _ = buffer.write_all(&units);
    Ok(())
}
