//! Any journal in an arena: read up to the first entry that makes no sense, and written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cleardown_drive::read_entries(bytes));
