//! Any octets as a file of wg-quick: no panic, and no private key in what is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(name) = "wg0".parse() else { return };
    let _ = cleardown_profile::import::wg_quick(name, file);
});
