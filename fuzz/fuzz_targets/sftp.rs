//! Any packet of an SFTP server: every decoder answers or refuses, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| cleardown_sftp::read_packet(packet));
