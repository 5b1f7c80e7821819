//! Any body of an SMB2 reply: every decoder answers or refuses, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| cleardown_smb::read_all(body));
