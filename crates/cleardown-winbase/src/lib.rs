//! `libcleardown-winbase.so`: the few functions of Windows' base libraries that programs for WNet and RAS use beside them: the
//! last error, events and waits, memory, time, and strings between UTF-8 and UTF-16.

#![allow(non_snake_case, reason = "the names are not ours")]

pub mod error;
pub mod event;
pub mod memory;
pub mod strings;
pub mod time;
