//! Any octets as a rasphone.pbk: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let _ = cleardown_profile::import::rasphone(file);
});
