//! The change of a password that has expired, by MS-CHAPv2 (RFC 2759, sections 7 and 8.9 to 8.13): the new one travels
//! encrypted with the old one's hash, and the old one's hash encrypted with the new one's.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::mschap::{des, nt_hash, nt_response};

/// The new password, encrypted: 256 letters and their number.
const PASSWORD: usize = 516;
/// All of the packet's data: password, the old hash, a challenge, 8 zeros, the response, and flags.
const DATA: usize = PASSWORD + 16 + 16 + 8 + 24 + 2;

/// What the client makes of the server's challenge.
pub(super) struct Change {
    /// The packet's data.
    pub(super) data: Vec<u8>,
    /// The response in it, which the server's proof refers to.
    pub(super) response: [u8; 24],
}

/// The data of a Change-Password packet; none when the new password has more than 256 letters. `random` fills what the
/// password leaves, and `peer` is our challenge.
pub(super) fn change(
    user: &str,
    (old, new): (&str, &str),
    authenticator: &[u8; 16],
    peer: &[u8; 16],
    random: [u8; 512],
) -> Option<Change> {
    let (old, new_hash) = (nt_hash(old), nt_hash(new));
    let mut data = encrypted_password(new, &old, random)?;
    data.extend(encrypted_hash(&old, &new_hash));
    data.extend(peer);
    data.extend([0; 8]);
    let response = nt_response(authenticator, peer, user, &new_hash);
    data.extend(response);
    data.extend([0; 2]);
    Some(Change { data, response })
}

/// The other side of [`change`]: the new password, the client's challenge and response, when all of it fits the old password.
pub(super) fn changed(
    user: &str,
    old: &str,
    authenticator: &[u8; 16],
    data: &[u8],
) -> Option<(Zeroizing<String>, [u8; 16], [u8; 24])> {
    if data.len() != DATA {
        return None;
    }
    let (password, rest) = data.split_at(PASSWORD);
    let (hash, rest) = rest.split_at(16);
    let peer: [u8; 16] = rest[..16].try_into().ok()?;
    let response: [u8; 24] = rest[24..48].try_into().ok()?;
    let old = nt_hash(old);
    let new = decrypted_password(password, &old)?;
    let new_hash = nt_hash(&new);
    let fits = encrypted_hash(&old, &new_hash).ct_eq(hash)
        & nt_response(authenticator, &peer, user, &new_hash).ct_eq(&response);
    bool::from(fits).then_some((new, peer, response))
}

/// `NewPasswordEncryptedWithOldNtPasswordHash` (8.9): random octets, the password at their end, its length in octets.
fn encrypted_password(new: &str, old: &[u8; 16], random: [u8; 512]) -> Option<Vec<u8>> {
    let letters: Zeroizing<Vec<u8>> = Zeroizing::new(new.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let start = 512_usize.checked_sub(letters.len())?;
    // Room for all of the packet, so that nothing is left where the password was in the clear.
    let mut block = Vec::with_capacity(DATA);
    block.extend(random);
    block[start..].copy_from_slice(&letters);
    block.extend((letters.len() as u32).to_le_bytes());
    rc4(old, &mut block);
    Some(block)
}

fn decrypted_password(block: &[u8], old: &[u8; 16]) -> Option<Zeroizing<String>> {
    let mut block = Zeroizing::new(block.to_vec());
    rc4(old, &mut block);
    let (letters, length) = block.split_at(512);
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let letters = &letters[512_usize.checked_sub(length)?..];
    let units = letters.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(units.collect());
    (length % 2 == 0).then_some(())?;
    String::from_utf16(&units).ok().map(Zeroizing::new)
}

/// `OldNtPasswordHashEncryptedWithNewNtPasswordHash` (8.12).
fn encrypted_hash(old: &[u8; 16], new: &[u8; 16]) -> [u8; 16] {
    let half = |at: usize| std::array::from_fn(|i| old[at + i]);
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&des(half(0), &new[..7]));
    hash[8..].copy_from_slice(&des(half(8), &new[7..14]));
    hash
}

/// RC4, which nobody should use for anything else; no library is worth these lines.
fn rc4(key: &[u8], data: &mut [u8]) {
    let mut state: [u8; 256] = std::array::from_fn(|i| i as u8);
    let mut j = 0u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, usize::from(j));
    }
    let (mut i, mut j) = (0u8, 0u8);
    for octet in data {
        i = i.wrapping_add(1);
        let a = state[usize::from(i)];
        j = j.wrapping_add(a);
        state.swap(usize::from(i), usize::from(j));
        *octet ^= state[usize::from(a.wrapping_add(state[usize::from(i)]))];
    }
    state.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_is_what_others_have() {
        let mut text = *b"Plaintext";
        rc4(b"Key", &mut text);
        assert_eq!(text, [0xbb, 0xf3, 0x16, 0xe8, 0xd9, 0x40, 0xaf, 0x0a, 0xd3]);
    }

    #[test]
    fn a_change_is_understood_with_the_old_password_alone() {
        let (authenticator, peer) = ([1; 16], [2; 16]);
        let longest = "ü".repeat(256);
        for new in ["", "lion", "Löwe 🦁", &longest] {
            let change = change("eve", ("tiger", new), &authenticator, &peer, [7; 512]).unwrap();
            let (found, theirs, response) = changed("eve", "tiger", &authenticator, &change.data).unwrap();
            assert_eq!((found.as_str(), theirs, response), (new, peer, change.response));
            assert!(changed("eve", "puma", &authenticator, &change.data).is_none());
            assert!(changed("bob", "tiger", &authenticator, &change.data).is_none());
            let mut spoilt = change.data.clone();
            spoilt[PASSWORD + 3] ^= 1;
            assert!(changed("eve", "tiger", &authenticator, &spoilt).is_none());
        }
        assert!(change("eve", ("tiger", &"x".repeat(257)), &authenticator, &peer, [7; 512]).is_none());
    }
}
