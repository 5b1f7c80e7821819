//! Any message between daemon and worker, of whatever version: read or refused, and what is read comes back as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| cleardown_worker::control::read_message(message));
