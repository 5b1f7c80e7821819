//! Signing and sealing with a session's keys. GMAC, HMAC and GCM by `ring`, in place and with the key schedules kept;
//! CMAC and CCM, which only older servers need, by the `smb2` crate.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::hmac;
use smb2::crypto::encryption::{Cipher, decrypt_message, encrypt_message};
use smb2::crypto::signing::{SigningAlgorithm, sign_message};
use zeroize::Zeroizing;

use crate::wire::frame::{AT_MESSAGE, AT_SIGNATURE, TRANSFORM};
use crate::wire::{Bits, HEADER, Malformed};

/// How messages are signed.
pub(crate) enum Signer {
    /// HMAC-SHA256 (SMB 2.1).
    Hmac(Box<hmac::Key>),
    /// AES-128-CMAC (SMB 3).
    Cmac(Zeroizing<Vec<u8>>),
    /// AES-128-GMAC (SMB 3.1.1).
    Gmac(Box<LessSafeKey>),
}

impl Signer {
    /// A signer with the session's signing key.
    pub(crate) fn new(algorithm: SigningAlgorithm, key: &[u8]) -> Option<Signer> {
        let key = key.get(..16)?;
        Some(match algorithm {
            SigningAlgorithm::HmacSha256 => Signer::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key))),
            SigningAlgorithm::AesCmac => Signer::Cmac(Zeroizing::new(key.to_vec())),
            SigningAlgorithm::AesGmac => Signer::Gmac(gcm(&AES_128_GCM, key)?),
        })
    }

    /// The algorithm's name, as `status` shows it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Signer::Hmac(_) => "HMAC-SHA256",
            Signer::Cmac(_) => "AES-128-CMAC",
            Signer::Gmac(_) => "AES-128-GMAC",
        }
    }

    /// Signs a whole message in place.
    pub(crate) fn sign(&self, message: &mut [u8], is_cancel: bool) {
        let signature = self.signature(message, is_cancel, false);
        message[AT_SIGNATURE..HEADER].copy_from_slice(&signature);
    }

    /// Whether a server's message carries the right signature. Leaves the field zero.
    pub(crate) fn verify(&self, message: &mut [u8]) -> bool {
        let Ok(received) = message.array::<16>(AT_SIGNATURE) else { return false };
        let expected = self.signature(message, false, true);
        // In constant time: all bytes are looked at.
        received.iter().zip(expected).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    }

    fn signature(&self, message: &mut [u8], is_cancel: bool, from_server: bool) -> [u8; 16] {
        message[AT_SIGNATURE..HEADER].fill(0);
        let mut signature = [0; 16];
        match self {
            Signer::Hmac(key) => {
                signature.copy_from_slice(&hmac::sign(key, message).as_ref()[..16]);
            }
            Signer::Cmac(key) => {
                if sign_message(message, key, SigningAlgorithm::AesCmac, 0, is_cancel).is_ok() {
                    signature.copy_from_slice(&message[AT_SIGNATURE..HEADER]);
                }
                message[AT_SIGNATURE..HEADER].fill(0);
            }
            Signer::Gmac(key) => {
                // MS-SMB2 3.1.4.1: the message id, the server's role bit, the cancel bit.
                let mut nonce = [0; 12];
                nonce[..8].copy_from_slice(&message[AT_MESSAGE..AT_MESSAGE + 8]);
                nonce[8] = u8::from(from_server) | u8::from(is_cancel) << 1;
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*message), &mut []);
                if let Ok(tag) = tag {
                    signature.copy_from_slice(tag.as_ref());
                }
            }
        }
        signature
    }
}

/// How messages are encrypted.
pub(crate) struct Sealer {
    cipher: Cipher,
    seal: Key,
    open: Key,
    /// Nonces are counted; one is never used twice with a key.
    counter: AtomicU64,
}

enum Key {
    Gcm(Box<LessSafeKey>),
    Ccm(Zeroizing<Vec<u8>>),
}

/// A GCM key with its schedule.
fn gcm(algorithm: &'static Algorithm, key: &[u8]) -> Option<Box<LessSafeKey>> {
    Some(Box::new(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
}

impl Key {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Key> {
        Some(match cipher {
            Cipher::Aes128Gcm => Key::Gcm(gcm(&AES_128_GCM, key)?),
            Cipher::Aes256Gcm => Key::Gcm(gcm(&AES_256_GCM, key)?),
            Cipher::Aes128Ccm | Cipher::Aes256Ccm => Key::Ccm(Zeroizing::new(key.to_vec())),
        })
    }
}

impl Sealer {
    /// A sealer with the session's two keys; none if they do not fit the cipher.
    pub(crate) fn new(cipher: Cipher, seal: &[u8], open: &[u8]) -> Option<Sealer> {
        let (seal, open) = (Key::new(cipher, seal)?, Key::new(cipher, open)?);
        Some(Sealer { cipher, seal, open, counter: AtomicU64::new(0) })
    }

    /// The cipher's name, as `status` shows it.
    pub(crate) fn name(&self) -> &'static str {
        match self.cipher {
            Cipher::Aes128Ccm => "AES-128-CCM",
            Cipher::Aes128Gcm => "AES-128-GCM",
            Cipher::Aes256Ccm => "AES-256-CCM",
            Cipher::Aes256Gcm => "AES-256-GCM",
        }
    }

    /// Seals a frame in place: [`TRANSFORM`] bytes of room, then the messages.
    pub(crate) fn seal(&self, frame: &mut [u8], session: u64) -> Result<(), Malformed> {
        let (header, message) = frame.split_at_mut_checked(TRANSFORM).ok_or(Malformed)?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        match &self.seal {
            Key::Gcm(key) => {
                header[..4].copy_from_slice(b"\xFDSMB");
                header[20..36].copy_from_slice(&nonce);
                header[36..40].copy_from_slice(&(message.len() as u32).to_le_bytes());
                header[40..44].copy_from_slice(&[0, 0, 1, 0]); // reserved, encrypted
                header[44..52].copy_from_slice(&session.to_le_bytes());
                let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).map_err(|_| Malformed)?;
                let aad = Aad::from(header[20..TRANSFORM].to_vec());
                let tag = key.seal_in_place_separate_tag(nonce, aad, message).map_err(|_| Malformed)?;
                header[4..20].copy_from_slice(tag.as_ref());
            }
            Key::Ccm(key) => {
                let (sealed, body) =
                    encrypt_message(message, key, self.cipher, &nonce, session).map_err(|_| Malformed)?;
                header.copy_from_slice(&sealed);
                message.copy_from_slice(&body);
            }
        }
        Ok(())
    }

    /// Opens a sealed frame in place; what follows the transform header is plain then.
    pub(crate) fn open(&self, frame: &mut [u8], session: u64) -> Result<(), Malformed> {
        let (header, message) = frame.split_at_mut_checked(TRANSFORM).ok_or(Malformed)?;
        if header.u64(44)? != session || header.u32(36)? as usize != message.len() {
            return Err(Malformed);
        }
        match &self.open {
            Key::Gcm(key) => {
                let nonce = Nonce::try_assume_unique_for_key(&header[20..32]).map_err(|_| Malformed)?;
                let tag = Tag::from(header.array::<16>(4)?);
                let aad = Aad::from(&header[20..TRANSFORM]);
                key.open_in_place_separate_tag(nonce, aad, tag, message, 0..).map_err(|_| Malformed)?;
            }
            Key::Ccm(key) => {
                let plain = decrypt_message(header, message, key, self.cipher).map_err(|_| Malformed)?;
                message.get_mut(..plain.len()).ok_or(Malformed)?.copy_from_slice(&plain);
            }
        }
        Ok(())
    }
}

/// What a session protects its messages with.
pub(crate) struct Security {
    pub(crate) session: u64,
    /// None for guests.
    pub(crate) signer: Option<Signer>,
    pub(crate) sealer: Option<Sealer>,
    /// Every message is signed (unless it is sealed), and answers must be.
    pub(crate) sign: bool,
    /// Every message is sealed, and answers must be.
    pub(crate) encrypt: bool,
}
