//! Packets that the kernel left to us, each with its length and header before it: no panic, and what was taken apart is joined
//! and taken apart again without a loss.
#![no_main]

use std::io::IoSlice;

use cleardown_link::offload::{Joiner, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut packets = Vec::new();
    let mut rest = input;
    while let [high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (packet, next) = more.split_at(more.len().min(length));
        packets.push(packet.to_vec());
        rest = next;
    }
    let datagrams = apart(packets);
    let once = apart(join(&datagrams));
    // What is joined gets ids and checksums that mean the same.
    assert!(once.iter().map(Vec::len).eq(datagrams.iter().map(Vec::len)));
    assert_eq!(apart(join(&once)), once);
});

fn apart(mut packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    packets.iter_mut().for_each(|packet| split(packet, |head, data| datagrams.push([head, data].concat())));
    datagrams
}

fn join(datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut written = Vec::new();
    let mut write =
        |parts: &[IoSlice<'_>]| written.push(parts.iter().flat_map(|part| part.to_vec()).collect());
    let mut joiner = Joiner::default();
    datagrams.iter().for_each(|datagram| joiner.push(datagram, &mut write));
    joiner.flush(&mut write);
    written
}
