//! NEGOTIATE: what the two ends can both do (MS-SMB2 3.2.4.2.2, 3.2.5.2).

use std::time::Instant;

use cleardown_share::ShareError;
use smb2::crypto::encryption::Cipher;
use smb2::crypto::kdf::PreauthHasher;
use smb2::crypto::signing::SigningAlgorithm;
use smb2::msg::negotiate::{
    CIPHER_AES_128_CCM, CIPHER_AES_128_GCM, CIPHER_AES_256_CCM, CIPHER_AES_256_GCM, HASH_ALGORITHM_SHA512,
    NegotiateContext, NegotiateRequest, NegotiateResponse, SIGNING_AES_CMAC, SIGNING_AES_GMAC,
    SIGNING_HMAC_SHA256,
};
use smb2::pack::{Guid, Pack, ReadCursor, Unpack, WriteCursor};
use smb2::types::Dialect;
use smb2::types::flags::{Capabilities, SecurityMode};

use crate::connection::Connection;
use crate::random;
use crate::wire::frame::{FLAG_SIGNED, Frame};
use crate::wire::{Bits, Command, HEADER, Malformed, ioctl};

/// The dialects that we speak.
const DIALECTS: [Dialect; 4] = [Dialect::Smb2_1, Dialect::Smb3_0, Dialect::Smb3_0_2, Dialect::Smb3_1_1];

/// What was agreed on.
#[derive(Clone)]
pub(crate) struct Negotiated {
    pub(crate) dialect: Dialect,
    pub(crate) max_transact: u32,
    pub(crate) max_read: u32,
    pub(crate) max_write: u32,
    /// Requests may cost more than one credit.
    pub(crate) large: bool,
    pub(crate) leasing: bool,
    pub(crate) cipher: Option<Cipher>,
    pub(crate) signing: SigningAlgorithm,
    pub(crate) signing_required: bool,
    /// The hash over the exchange so far (3.1.1), from which the session's keys are derived.
    pub(crate) preauth: PreauthHasher,
    /// What must be confirmed under a signature on 3.0 and 3.0.2.
    validation: Validation,
}

/// The values that an attacker could have changed (MS-SMB2 2.2.31.4).
#[derive(Clone)]
struct Validation {
    asked: Vec<u8>,
    told: Vec<u8>,
}

impl Negotiated {
    /// `SMB 3.1.1`.
    pub(crate) fn dialect_name(&self) -> &'static str {
        match self.dialect {
            Dialect::Smb2_0_2 => "SMB 2.0.2",
            Dialect::Smb2_1 => "SMB 2.1",
            Dialect::Smb3_0 => "SMB 3.0",
            Dialect::Smb3_0_2 => "SMB 3.0.2",
            Dialect::Smb3_1_1 => "SMB 3.1.1",
        }
    }

    /// SMB 3 or later.
    pub(crate) fn is_smb3(&self) -> bool {
        !matches!(self.dialect, Dialect::Smb2_0_2 | Dialect::Smb2_1)
    }
}

/// What we can do.
fn our_capabilities() -> Capabilities {
    Capabilities::new(
        Capabilities::DFS
            | Capabilities::LEASING
            | Capabilities::LARGE_MTU
            | Capabilities::DIRECTORY_LEASING
            | Capabilities::ENCRYPTION,
    )
}

/// Negotiates; `sign` demands signing, `client` is this client's id for the life of the process.
pub(crate) async fn negotiate(
    connection: &Connection,
    client: [u8; 16],
    sign: bool,
    deadline: Instant,
) -> Result<Negotiated, ShareError> {
    let mode = SecurityMode::SIGNING_ENABLED | if sign { SecurityMode::SIGNING_REQUIRED } else { 0 };
    let request = NegotiateRequest {
        security_mode: SecurityMode::new(mode),
        capabilities: our_capabilities(),
        client_guid: Guid::unpack(&mut ReadCursor::new(&client)).map_err(|_| Malformed)?,
        dialects: DIALECTS.to_vec(),
        negotiate_contexts: vec![
            NegotiateContext::PreauthIntegrity {
                hash_algorithms: vec![HASH_ALGORITHM_SHA512],
                salt: random::<32>().to_vec(),
            },
            NegotiateContext::Encryption {
                ciphers: vec![CIPHER_AES_128_GCM, CIPHER_AES_256_GCM, CIPHER_AES_128_CCM, CIPHER_AES_256_CCM],
            },
            NegotiateContext::Signing {
                algorithms: vec![SIGNING_AES_GMAC, SIGNING_AES_CMAC, SIGNING_HMAC_SHA256],
            },
        ],
    };
    let mut body = WriteCursor::new();
    request.pack(&mut body);
    let frame = Frame::one(Command::Negotiate, 0, |into| into.extend_from_slice(&body.into_inner()));
    let (sent, reply) = connection.call_seen(frame, deadline).await?;
    let mut preauth = PreauthHasher::new();
    preauth.update(&sent);
    preauth.update(&reply.message);
    let body = reply.ok()?.message.part(HEADER, reply.message.len() - HEADER)?;
    let response = NegotiateResponse::unpack(&mut ReadCursor::new(body)).map_err(|_| Malformed)?;
    agree(&response, &request, preauth, client)
}

fn agree(
    response: &NegotiateResponse,
    request: &NegotiateRequest,
    preauth: PreauthHasher,
    client: [u8; 16],
) -> Result<Negotiated, ShareError> {
    let dialect = response.dialect_revision;
    if !DIALECTS.contains(&dialect) {
        return Err(ShareError::server(libc::EPROTONOSUPPORT, format!("the server wants {dialect}")));
    }
    let is_smb3 = dialect != Dialect::Smb2_1;
    let has = |flag| response.capabilities.contains(flag);
    let mut cipher = (is_smb3 && has(Capabilities::ENCRYPTION)).then_some(Cipher::Aes128Ccm);
    let mut signing = if is_smb3 { SigningAlgorithm::AesCmac } else { SigningAlgorithm::HmacSha256 };
    if dialect == Dialect::Smb3_1_1 {
        cipher = None;
        for context in &response.negotiate_contexts {
            match context {
                NegotiateContext::Encryption { ciphers } => cipher = ciphers.first().and_then(cipher_of),
                NegotiateContext::Signing { algorithms } => {
                    signing = algorithms.first().map_or(signing, signing_of);
                }
                _ => {}
            }
        }
    }
    Ok(Negotiated {
        dialect,
        max_transact: response.max_transact_size,
        max_read: response.max_read_size,
        max_write: response.max_write_size,
        large: has(Capabilities::LARGE_MTU),
        leasing: has(Capabilities::LEASING),
        cipher,
        signing,
        signing_required: response.security_mode.contains(SecurityMode::SIGNING_REQUIRED)
            || request.security_mode.contains(SecurityMode::SIGNING_REQUIRED),
        preauth,
        validation: validation(response, request, client),
    })
}

fn cipher_of(id: &u16) -> Option<Cipher> {
    Some(match *id {
        CIPHER_AES_128_CCM => Cipher::Aes128Ccm,
        CIPHER_AES_128_GCM => Cipher::Aes128Gcm,
        CIPHER_AES_256_CCM => Cipher::Aes256Ccm,
        CIPHER_AES_256_GCM => Cipher::Aes256Gcm,
        _ => return None,
    })
}

fn signing_of(id: &u16) -> SigningAlgorithm {
    match *id {
        SIGNING_AES_GMAC => SigningAlgorithm::AesGmac,
        SIGNING_HMAC_SHA256 => SigningAlgorithm::HmacSha256,
        _ => SigningAlgorithm::AesCmac,
    }
}

fn validation(response: &NegotiateResponse, request: &NegotiateRequest, client: [u8; 16]) -> Validation {
    let mut asked = request.capabilities.bits().to_le_bytes().to_vec();
    asked.extend_from_slice(&client);
    asked.extend_from_slice(&request.security_mode.bits().to_le_bytes());
    asked.extend_from_slice(&(request.dialects.len() as u16).to_le_bytes());
    for dialect in &request.dialects {
        asked.extend_from_slice(&u16::from(*dialect).to_le_bytes());
    }
    let mut told = response.capabilities.bits().to_le_bytes().to_vec();
    let mut guid = WriteCursor::new();
    response.server_guid.pack(&mut guid);
    told.extend_from_slice(&guid.into_inner());
    told.extend_from_slice(&response.security_mode.bits().to_le_bytes());
    told.extend_from_slice(&u16::from(response.dialect_revision).to_le_bytes());
    Validation { asked, told }
}

/// On dialects before 3.1.1: asks under a signature whether the negotiation was as we saw it, so that nobody in
/// between can have made it weaker. A server that does not know the question answers with a signed error.
pub(crate) async fn validate(
    connection: &Connection,
    tree: u32,
    deadline: Instant,
) -> Result<(), ShareError> {
    let Some(negotiated) = connection.negotiated.get() else { return Ok(()) };
    let can_sign = connection.security.get().is_some_and(|security| security.signer.is_some());
    if negotiated.dialect == Dialect::Smb3_1_1 || !can_sign {
        return Ok(());
    }
    let mut frame = Frame::one(Command::Ioctl, tree, |body| {
        let file = crate::wire::FileId::RELATED;
        ioctl::request(body, ioctl::VALIDATE_NEGOTIATE_INFO, file, &negotiated.validation.asked, 24);
    });
    frame.protect = true;
    let reply = connection.call_one(frame, deadline).await?;
    let is_sealed = connection.security.get().is_some_and(|security| security.encrypt);
    let is_signed = is_sealed || reply.header.flags & FLAG_SIGNED != 0;
    match reply.ok() {
        Ok(reply) if ioctl::output(reply)? == negotiated.validation.told && is_signed => Ok(()),
        Err(error) if is_signed && matches!(error.errno, libc::EOPNOTSUPP | libc::ESTALE) => Ok(()),
        _ => Err(ShareError::server(libc::EPROTO, "the negotiation was tampered with")),
    }
}
