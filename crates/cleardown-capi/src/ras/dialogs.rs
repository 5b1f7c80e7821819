//! The windows of RAS (`rasdlg.h`): none is opened, and each function says so.

use cleardown_core::Code;

use super::types::Aged;
use crate::Failure;
use crate::layout::structure;
use crate::memory::Ptr;
use crate::text::Unit;

structure! {
    pack4
    /// RASPBDLG.
    RasPhonebookDialog<C> {
        size: u32,
        window: usize,
        flags: u32,
        x: u32,
        y: u32,
        callback_id: usize,
        callback: usize,
        error: u32,
        reserved: [usize; 2],
        marker: [C; 0],
    }

    pack4
    /// RASENTRYDLG.
    RasEntryDialog<C> {
        size: u32,
        window: usize,
        flags: u32,
        x: u32,
        y: u32,
        entry: [C; super::types::ENTRY_NAME],
        error: u32,
        reserved: [usize; 2],
    }

    pack4
    /// RASDIALDLG.
    RasDialDialog<C> {
        size: u32,
        window: usize,
        flags: u32,
        x: u32,
        y: u32,
        sub_entry: u32,
        error: u32,
        reserved: [usize; 2],
        marker: [C; 0],
    }
}

/// RasPhonebookDlg: FALSE.
///
/// # Errors
/// None: what there is to say is in the structure.
pub fn phonebook<C: Unit>(place: Ptr<RasPhonebookDialog<C>>) -> Result<(), Failure> {
    tell(place, std::mem::offset_of!(RasPhonebookDialog<C>, error))
}

/// RasEntryDlg: FALSE.
///
/// # Errors
/// None: what there is to say is in the structure.
pub fn entry<C: Unit>(place: Ptr<RasEntryDialog<C>>) -> Result<(), Failure> {
    tell(place, std::mem::offset_of!(RasEntryDialog<C>, error))
}

/// RasDialDlg: FALSE.
///
/// # Errors
/// None: what there is to say is in the structure.
pub fn dial(place: Ptr<RasDialDialog<u8>>) -> Result<(), Failure> {
    tell(place, std::mem::offset_of!(RasDialDialog<u8>, error))
}

/// Says 50, in a structure whose size is known; the function gives FALSE, which is 0.
fn tell<T: Aged>(place: Ptr<T>, at: usize) -> Result<(), Failure> {
    if place.cast::<u32>().read().is_some_and(T::knows) {
        let _ = place.skip(at).cast::<u32>().write(Code::NOT_SUPPORTED.0);
    }
    Ok(())
}
