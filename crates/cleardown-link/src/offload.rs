//! Segmentation that the kernel leaves to us, and what it takes joined: a long TCP segment passes the interface in one call
//! instead of forty. Pure functions over packets with the `struct virtio_net_hdr` of an interface with `IFF_VNET_HDR` before
//! them (the kernel's include/uapi/linux/virtio_net.h; in the byte order of this machine, as TUN has it).

mod checksum;
mod join;
mod split;
#[cfg(test)]
mod tests;

pub use join::Joiner;
pub use split::split;

/// Octets before each packet.
pub const HEADER: usize = 10;
/// The longest packet with that.
pub const LONGEST: usize = HEADER + 65_535;

/// The checksum at [`Header::sum_at`] is still to be made, and holds that of the pseudo-header so far.
const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;

const TCP: u8 = 6;
const IPV6_HEADER: usize = 40;
/// Offsets in a TCP header (RFC 9293, 3.1).
const TCP_SEQUENCE: usize = 4;
const TCP_LENGTH: usize = 12;
const TCP_FLAGS: usize = 13;
const TCP_CHECKSUM: usize = 16;
const TCP_HEADER: usize = 20;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// `struct virtio_net_hdr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    flags: u8,
    kind: u8,
    /// All headers of the packet.
    length: u16,
    /// The data of each segment.
    size: u16,
    /// Where what is summed up begins, and where in it the checksum is.
    sum_from: u16,
    sum_at: u16,
}

impl Header {
    fn take(packet: &mut [u8]) -> Option<(Header, &mut [u8])> {
        let (header, packet) = packet.split_first_chunk_mut::<HEADER>()?;
        let word = |at| u16::from_ne_bytes([header[at], header[at + 1]]);
        let [flags, kind, ..] = *header;
        let header =
            Header { flags, kind, length: word(2), size: word(4), sum_from: word(6), sum_at: word(8) };
        Some((header, packet))
    }

    fn octets(self) -> [u8; HEADER] {
        let mut octets = [self.flags, self.kind, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, word) in [self.length, self.size, self.sum_from, self.sum_at].into_iter().enumerate() {
            octets[2 + 2 * at..4 + 2 * at].copy_from_slice(&word.to_ne_bytes());
        }
        octets
    }
}
