//! Any octets on a line: no panic, bounded memory, and what we frame ourselves comes back through the noise before it.
#![no_main]

use cleardown_link::hdlc::{Accm, Deframer, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let mut deframer = Deframer::new(256);
    for piece in line.chunks(7) {
        deframer.feed(piece, |frame| assert!(frame.len() <= 254));
        assert!(deframer.partial().len() <= 256);
    }
    let packet = &line[..line.len().min(200)];
    if packet.len() >= 2 {
        let accm = Accm(u32::from(line[0]) << 24 | u32::from(line[1]));
        let mut framed = Vec::new();
        frame(&[packet], accm, &mut framed);
        let mut last = None;
        deframer.feed(&framed, |frame| last = Some(frame.to_vec()));
        assert_eq!(last.as_deref(), Some(packet));
    }
});
