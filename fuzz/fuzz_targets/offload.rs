//! Packets that the kernel left to us, each with its length and header before it: no panic, and what was taken apart is joined
//! and taken apart again without a loss.
#![no_main]

use cleardown_link::offload::{Joiner, split};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/cleardown-link/src/offload/tests/through.rs"]
mod through;

fuzz_target!(|input: &[u8]| through::through(through::packets(input)));
