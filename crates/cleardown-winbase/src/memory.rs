//! Heap, Local and Global memory: all the C library's own, fixed where it is.

use std::ffi::c_void;

use libc::{calloc, free, malloc, malloc_usable_size, realloc};

use crate::error::SetLastError;

/// HEAP_ZERO_MEMORY.
const HEAP_ZERO: u32 = 8;
/// LMEM_ZEROINIT and GMEM_ZEROINIT.
const ZERO: u32 = 0x40;
/// ERROR_NOT_ENOUGH_MEMORY.
const NO_MEMORY: u32 = 8;

fn allocate(zero: bool, bytes: usize) -> *mut c_void {
    // A block of no bytes is a block, and has an address.
    let bytes = bytes.max(1);
    // SAFETY: malloc(3) and calloc(3) may be called with any size.
    let block = unsafe { if zero { calloc(1, bytes) } else { malloc(bytes) } };
    if block.is_null() {
        SetLastError(NO_MEMORY);
    }
    block
}

/// # Safety
/// `block` is NULL or comes from here.
unsafe fn resize(block: *mut c_void, zero: bool, bytes: usize) -> *mut c_void {
    if block.is_null() {
        return allocate(zero, bytes);
    }
    // SAFETY: the block is one of ours.
    let (before, new) = unsafe { (malloc_usable_size(block), realloc(block, bytes.max(1))) };
    if new.is_null() {
        SetLastError(NO_MEMORY);
    } else if zero && bytes > before {
        // SAFETY: the new block has so many bytes.
        unsafe { new.byte_add(before).write_bytes(0, bytes - before) };
    }
    new
}

/// GetProcessHeap: there is one heap.
#[unsafe(no_mangle)]
pub extern "C" fn GetProcessHeap() -> usize {
    1
}

/// HeapAlloc.
#[unsafe(no_mangle)]
pub extern "C" fn HeapAlloc(_heap: usize, flags: u32, bytes: usize) -> *mut c_void {
    allocate(flags & HEAP_ZERO != 0, bytes)
}

/// HeapReAlloc.
///
/// # Safety
/// The block comes from HeapAlloc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapReAlloc(
    _heap: usize,
    flags: u32,
    block: *mut c_void,
    bytes: usize,
) -> *mut c_void {
    // SAFETY: as promised to us.
    unsafe { resize(block, flags & HEAP_ZERO != 0, bytes) }
}

/// HeapFree.
///
/// # Safety
/// The block is NULL or comes from HeapAlloc, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapFree(_heap: usize, _flags: u32, block: *mut c_void) -> i32 {
    // SAFETY: as promised to us.
    unsafe { free(block) };
    1
}

macro_rules! family {
    ($allocate:ident $resize:ident $free:ident $lock:ident $unlock:ident) => {
        /// Memory that stays where it is; zeroed when the flags say so.
        #[unsafe(no_mangle)]
        pub extern "C" fn $allocate(flags: u32, bytes: usize) -> *mut c_void {
            allocate(flags & ZERO != 0, bytes)
        }

        /// Another size.
        ///
        /// # Safety
        /// The block comes from the same family.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $resize(block: *mut c_void, bytes: usize, flags: u32) -> *mut c_void {
            // SAFETY: as promised to us.
            unsafe { resize(block, flags & ZERO != 0, bytes) }
        }

        /// Gives it back; NULL says that it worked.
        ///
        /// # Safety
        /// The block is NULL or comes from the same family, and is not used any more.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $free(block: *mut c_void) -> *mut c_void {
            // SAFETY: as promised to us.
            unsafe { free(block) };
            std::ptr::null_mut()
        }

        /// The block's address.
        #[unsafe(no_mangle)]
        pub extern "C" fn $lock(block: *mut c_void) -> *mut c_void {
            block
        }

        /// Fixed blocks are never locked.
        #[unsafe(no_mangle)]
        pub extern "C" fn $unlock(_block: *mut c_void) -> i32 {
            1
        }
    };
}
family!(LocalAlloc LocalReAlloc LocalFree LocalLock LocalUnlock);
family!(GlobalAlloc GlobalReAlloc GlobalFree GlobalLock GlobalUnlock);
