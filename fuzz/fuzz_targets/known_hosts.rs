//! Any `known_hosts`: each key that a host has is known to it or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| cleardown_sftp::read_known_hosts(text));
