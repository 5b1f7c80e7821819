//! The computations of MS-CHAPv2 (RFC 2759, section 8).

use cleardown_core::Code;
use data_encoding::HEXUPPER_PERMISSIVE;
use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::{Digest, Md4};
use sha1::Sha1;
use zeroize::Zeroizing;

/// MD4 of the password in UTF-16 (8.3). As good as the password itself.
pub fn nt_hash(password: &str) -> Zeroizing<[u8; 16]> {
    let utf16: Zeroizing<Vec<u8>> =
        Zeroizing::new(password.encode_utf16().flat_map(u16::to_le_bytes).collect());
    Zeroizing::new(Md4::digest(utf16.as_slice()).into())
}

/// The eight octets that both challenges and the user's name come to (8.2). A domain before the name does not count.
fn challenge_hash(peer: &[u8; 16], authenticator: &[u8; 16], user: &str) -> [u8; 8] {
    let name = user.rsplit_once('\\').map_or(user, |(_, name)| name);
    let digest = Sha1::new().chain_update(peer).chain_update(authenticator).chain_update(name).finalize();
    digest[..8].try_into().expect("a SHA-1 digest has 20 octets")
}

/// The 24 octets that prove the password (8.1).
pub fn nt_response(authenticator: &[u8; 16], peer: &[u8; 16], user: &str, hash: &[u8; 16]) -> [u8; 24] {
    let challenge = challenge_hash(peer, authenticator, user);
    let mut padded = Zeroizing::new([0u8; 21]);
    padded[..16].copy_from_slice(hash);
    let mut response = [0u8; 24];
    for (key, out) in padded.chunks_exact(7).zip(response.chunks_exact_mut(8)) {
        out.copy_from_slice(&des(challenge, key));
    }
    response
}

/// One block, encrypted with a key of seven octets (8.6).
pub(super) fn des(block: [u8; 8], key: &[u8]) -> [u8; 8] {
    let mut block = block.into();
    Des::new(&spread(key).into()).encrypt_block(&mut block);
    block.into()
}

/// Seven octets as the eight of a DES key, whose lowest bits are parity that nobody looks at (8.6).
fn spread(key: &[u8]) -> [u8; 8] {
    let bits = key.iter().fold(0u64, |bits, octet| bits << 8 | u64::from(*octet));
    std::array::from_fn(|i| ((bits >> (49 - 7 * i)) as u8 & 0x7f) << 1)
}

/// The answer that proves that the server knows the password too, as `S=` and 40 digits (8.7).
pub fn authenticator_response(
    hash: &[u8; 16],
    response: &[u8; 24],
    peer: &[u8; 16],
    authenticator: &[u8; 16],
    user: &str,
) -> String {
    const MAGIC_1: &[u8] = b"Magic server to client signing constant";
    const MAGIC_2: &[u8] = b"Pad to make it do more than one iteration";
    let hash_hash: [u8; 16] = Md4::digest(hash).into();
    let first = Sha1::new().chain_update(hash_hash).chain_update(response).chain_update(MAGIC_1).finalize();
    let second = Sha1::new()
        .chain_update(first)
        .chain_update(challenge_hash(peer, authenticator, user))
        .chain_update(MAGIC_2)
        .finalize();
    second.iter().fold(String::from("S="), |text, octet| text + &format!("{octet:02X}"))
}

/// A failure message (`E=691 R=1 C=... V=3 M=...`; RFC 2759, section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The RAS number: those of the RFC are RAS's own.
    pub code: Code,
    /// The challenge for what is tried next.
    pub challenge: Option<[u8; 16]>,
    /// The version of the change-password packet that the server knows.
    pub version: u32,
    /// Its words for people.
    pub words: &'a str,
}

impl<'a> Failure<'a> {
    /// Reads the message; what makes no sense counts as a wrong password.
    pub fn parse(message: &'a str) -> Self {
        let (fields, words) = message.split_once("M=").unwrap_or((message, message));
        let field = |name: &str| fields.split(' ').find_map(|part| part.strip_prefix(name));
        let code = field("E=").and_then(|code| code.parse().ok());
        let code = code.filter(|code| matches!(code, 646 | 647 | 648 | 649 | 691 | 709));
        let challenge = field("C=").and_then(|digits| HEXUPPER_PERMISSIVE.decode(digits.as_bytes()).ok());
        Failure {
            code: code.map_or(Code::AUTHENTICATION_FAILURE, Code),
            challenge: challenge.and_then(|challenge| challenge.try_into().ok()),
            version: field("V=").and_then(|version| version.parse().ok()).unwrap_or_default(),
            words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
    }

    #[test]
    fn the_example_of_rfc_2759() {
        let authenticator = hex("5B5D7C7D7B3F2F3E3C2C602132262628");
        let peer = hex("21402324255E262A28295F2B3A337C7E");
        let hash = nt_hash("clientPass");
        assert_eq!(*hash, hex("44EBBA8D5312B8D611474411F56989AE"));
        let response = nt_response(&authenticator, &peer, "User", &hash);
        assert_eq!(response, hex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"));
        assert_eq!(response, nt_response(&authenticator, &peer, r"DOMAIN\User", &hash));
        assert_eq!(
            authenticator_response(&hash, &response, &peer, &authenticator, "User"),
            "S=407A5589115FD0D6209F510FE9C04566932CDA56"
        );
    }

    #[test]
    fn failure_messages_carry_ras_numbers() {
        let expired = Failure::parse("E=648 R=0 C=000102030405060708090a0B0C0D0E0F V=3 M=it expired");
        let challenge = Some(std::array::from_fn(|i| i as u8));
        let words = "it expired";
        assert_eq!(expired, Failure { code: Code::PASSWD_EXPIRED, challenge, version: 3, words });
        for (message, words) in [("E=999 R=0", "E=999 R=0"), ("no", "no"), ("E=x C=00 V=- M=no", "no")] {
            let code = Code::AUTHENTICATION_FAILURE;
            assert_eq!(Failure::parse(message), Failure { code, challenge: None, version: 0, words });
        }
    }
}
