//! Any information field: packet and options are taken apart without a panic, and never beyond their ends.
#![no_main]

use cleardown_link::ppp::packet::{Control, options, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    let Some((_, info)) = split(frame) else { return };
    let Some(packet) = Control::parse(info) else { return };
    assert!(packet.data.len() + 4 <= info.len());
    let bytes = packet.to_bytes();
    assert_eq!(Control::parse(&bytes).as_ref(), Some(&packet));
    let Some(list) = options(packet.data) else { return };
    let mut again = Vec::new();
    for option in list {
        option.append(&mut again);
    }
    assert_eq!(again, packet.data);
});
