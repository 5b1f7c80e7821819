//! A host of one sentence: it answers pings (RFC 792, RFC 791).

use std::os::fd::OwnedFd;

use crate::line::Open;

/// Reads datagrams, one each, and answers those that are echo requests, until the other end is closed.
pub(super) async fn answer_pings(interface: OwnedFd) {
    let Ok(interface) = Open::stream(interface) else { return };
    let mut datagram = vec![0; 64 << 10];
    while let Ok(length @ 1..) = interface.read(&mut datagram).await {
        if turn_into_reply(&mut datagram[..length]) {
            let _ = interface.write(&datagram[..length]).await;
        }
    }
}

const ICMP: u8 = 1;
const ECHO_REQUEST: u8 = 8;

/// Turns an ICMP echo request into its reply in place; false for anything else.
fn turn_into_reply(datagram: &mut [u8]) -> bool {
    let Some(first) = datagram.first() else { return false };
    let header = usize::from(first & 0x0f) * 4;
    let whole = first >> 4 == 4 && header >= 20 && datagram.len() >= header + 8;
    if !whole || datagram[9] != ICMP || datagram[header] != ECHO_REQUEST || is_fragment(datagram) {
        return false;
    }
    let (source, destination) = datagram[12..20].split_at_mut(4);
    source.swap_with_slice(destination);
    // The header's sum does not change when its words change places; ICMP's grows by what the type lost.
    datagram[header] = 0;
    let sum = u16::from_be_bytes([datagram[header + 2], datagram[header + 3]]);
    let (sum, carry) = sum.overflowing_add(u16::from(ECHO_REQUEST) << 8);
    let sum = sum + u16::from(carry);
    datagram[header + 2..header + 4].copy_from_slice(&sum.to_be_bytes());
    true
}

fn is_fragment(datagram: &[u8]) -> bool {
    u16::from_be_bytes([datagram[6], datagram[7]]) & 0x3fff != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn a_reply_has_good_sums_and_goes_back(
            from in any::<[u8; 4]>(), to in any::<[u8; 4]>(), data in prop::collection::vec(any::<u8>(), 4..200),
        ) {
            let mut datagram = vec![0x45, 0, 0, (24 + data.len()) as u8, 0, 1, 0x40, 0, 64, ICMP, 0, 0];
            datagram.extend(from.iter().chain(&to));
            let header = sum(&datagram).to_be_bytes();
            datagram[10..12].copy_from_slice(&header);
            datagram.extend([ECHO_REQUEST, 0, 0, 0]);
            datagram.extend(&data);
            let icmp = sum(&datagram[20..]).to_be_bytes();
            datagram[22..24].copy_from_slice(&icmp);
            prop_assert!(turn_into_reply(&mut datagram));
            prop_assert_eq!(&datagram[12..20], &[to, from].concat()[..]);
            prop_assert_eq!((sum(&datagram[..20]), sum(&datagram[20..])), (0, 0));
            prop_assert_eq!(&datagram[24..], &data[..]);
            prop_assert!(!turn_into_reply(&mut datagram), "a reply is not answered");
        }

        #[test]
        fn anything_is_survived(mut datagram in prop::collection::vec(any::<u8>(), 0..100)) {
            turn_into_reply(&mut datagram);
        }
    }
}
