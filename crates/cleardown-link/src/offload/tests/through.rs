//! What must hold of any packets: for the tests here, and for the fuzz target `offload`, which includes this file.

use std::io::IoSlice;

use super::{Joiner, split};

/// The packets of a fuzzer's input, each with its length before it.
pub(crate) fn packets(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let [high, low, rest @ ..] = input {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (packet, next) = rest.split_at(rest.len().min(length));
        packets.push(packet.to_vec());
        input = next;
    }
    packets
}

/// What is taken apart is joined and taken apart again without a loss.
pub(crate) fn through(packets: Vec<Vec<u8>>) {
    let datagrams = split_all(packets);
    let once = split_all(join(&datagrams));
    // What is joined gets ids and checksums that mean the same.
    assert!(once.iter().map(Vec::len).eq(datagrams.iter().map(Vec::len)));
    assert_eq!(split_all(join(&once)), once);
}

/// What the kernel is given for these datagrams.
pub(crate) fn join(datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut written = Vec::new();
    let mut write =
        |parts: &[IoSlice<'_>]| written.push(parts.iter().flat_map(|part| part.to_vec()).collect());
    let mut joiner = Joiner::default();
    datagrams.iter().for_each(|datagram| joiner.push(datagram, &mut write));
    joiner.flush(&mut write);
    written
}

/// What is sent of packets that came from the kernel.
pub(crate) fn split_all(mut packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    packets.iter_mut().for_each(|packet| split(packet, |head, data| datagrams.push([head, data].concat())));
    datagrams
}
