//! The Internet checksum (RFC 1071). Its order of octets does not matter as long as it is the same everywhere: here that of
//! this machine, which needs no turning around.

use super::{IPV6_HEADER, TCP};

/// Adds octets that begin at an even place. Not yet folded: up to 4 GiB in all.
pub(super) fn sum(octets: &[u8], before: u64) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let sum = words.iter().fold(before, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_ne_bytes(last))
}

/// The sum as it stands in a packet, before it is turned into a checksum.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// What goes into a packet. Zero would mean "no checksum" in UDP, and all ones is the same number.
pub(super) fn finish(sum: u64) -> [u8; 2] {
    match !fold(sum) {
        0 => [0xff; 2],
        checksum => checksum.to_ne_bytes(),
    }
}

/// Puts the checksum of an IPv4 header into it.
pub(super) fn set_ipv4(header: &mut [u8]) {
    header[10..12].fill(0);
    let checksum = finish(sum(header, 0));
    header[10..12].copy_from_slice(&checksum);
}

/// The sum of TCP's pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1). `ip` is a whole header of either version.
pub(super) fn pseudo(ip: &[u8], length: usize) -> u64 {
    let addresses = if ip[0] >> 4 == 6 { &ip[8..IPV6_HEADER] } else { &ip[12..20] };
    let length = (length as u32).to_be_bytes();
    sum(&[0, 0, 0, TCP], sum(&length, sum(addresses, 0)))
}
