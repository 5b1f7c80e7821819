//! The last error of a thread.

use std::cell::Cell;

thread_local! {
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// GetLastError: what the last function that sets it has left.
#[unsafe(no_mangle)]
pub extern "C" fn GetLastError() -> u32 {
    LAST.try_with(Cell::get).unwrap_or_default()
}

/// SetLastError.
#[unsafe(no_mangle)]
pub extern "C" fn SetLastError(code: u32) {
    let _ = LAST.try_with(|last| last.set(code));
}
