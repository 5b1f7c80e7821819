//! From the interface: what the kernel left undone is done.

use super::checksum::{finish, pseudo, set_ipv4, sum};
use super::{
    FIN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, Header, IPV6_HEADER, NEEDS_CHECKSUM, PSH, TCP_CHECKSUM, TCP_FLAGS,
    TCP_HEADER, TCP_LENGTH, TCP_SEQUENCE,
};

/// Takes a packet with its header, and gives the datagrams that are to be sent, each in two parts. What makes no sense is
/// dropped.
pub fn split(packet: &mut [u8], mut each: impl FnMut(&[u8], &[u8])) {
    let Some((header, packet)) = Header::take(packet) else { return };
    let version = packet.first().map(|octet| octet >> 4);
    match (header.kind, version) {
        (GSO_NONE, Some(_)) => {
            let _ = complete(header, packet).map(|()| each(packet, &[]));
        }
        (GSO_TCPV4, Some(4)) | (GSO_TCPV6, Some(6)) => {
            let _ = segments(header, packet, &mut each);
        }
        _ => {}
    }
}

/// Makes the checksum where that is left to us. Its field holds the sum of the pseudo-header.
fn complete(header: Header, packet: &mut [u8]) -> Option<()> {
    if header.flags & NEEDS_CHECKSUM == 0 {
        return Some(());
    }
    let from = usize::from(header.sum_from);
    let at = from + usize::from(header.sum_at);
    let checksum = finish(sum(packet.get(from..)?, 0));
    packet.get_mut(at..at + 2)?.copy_from_slice(&checksum);
    Some(())
}

fn segments(header: Header, packet: &mut [u8], each: &mut impl FnMut(&[u8], &[u8])) -> Option<()> {
    let (ip, size) = (usize::from(header.sum_from), usize::from(header.size));
    let is_ipv6 = packet[0] >> 4 == 6;
    let least = if is_ipv6 { IPV6_HEADER } else { 20 };
    let tcp = usize::from(packet.get(ip + TCP_LENGTH)? >> 4) * 4;
    if ip < least || tcp < TCP_HEADER || size == 0 {
        return None;
    }
    let (head, data) = packet.split_at_mut_checked(ip + tcp)?;
    let (mut id, flags) = (u16::from_be_bytes([head[4], head[5]]), head[ip + TCP_FLAGS]);
    let mut sequence = u32::from_be_bytes(*head[ip + TCP_SEQUENCE..].first_chunk()?);
    let mut rest = &*data;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        // Only the last one says that this is all.
        head[ip + TCP_FLAGS] = if rest.is_empty() { flags } else { flags & !(FIN | PSH) };
        head[ip + TCP_SEQUENCE..][..4].copy_from_slice(&sequence.to_be_bytes());
        if is_ipv6 {
            let length = (ip + tcp + piece.len() - IPV6_HEADER) as u16;
            head[4..6].copy_from_slice(&length.to_be_bytes());
        } else {
            head[2..4].copy_from_slice(&((ip + tcp + piece.len()) as u16).to_be_bytes());
            head[4..6].copy_from_slice(&id.to_be_bytes());
            set_ipv4(&mut head[..ip]);
        }
        head[ip + TCP_CHECKSUM..][..2].fill(0);
        let before = pseudo(head, tcp + piece.len());
        let checksum = finish(sum(piece, sum(&head[ip..], before)));
        head[ip + TCP_CHECKSUM..][..2].copy_from_slice(&checksum);
        each(head, piece);
        sequence = sequence.wrapping_add(piece.len() as u32);
        id = id.wrapping_add(1);
    }
    Some(())
}
