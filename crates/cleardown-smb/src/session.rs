//! SESSION_SETUP: who we are, and the keys that follow from it (MS-SMB2 3.2.4.2.3, 3.2.5.3).

use std::time::Instant;

use cleardown_share::ShareError;
use smb2::auth::spnego::parse_neg_token_resp;
use smb2::auth::{NtlmAuthenticator, NtlmCredentials};
use smb2::crypto::encryption::Cipher;
use smb2::crypto::kdf::{PreauthHasher, derive_session_keys};
use smb2::msg::session_setup::{
    SessionFlags, SessionSetupRequest, SessionSetupRequestFlags, SessionSetupResponse,
};
use smb2::pack::{Pack, ReadCursor, Unpack, WriteCursor};
use smb2::types::Dialect;
use smb2::types::flags::{Capabilities, SecurityMode};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::crypto::{Sealer, Security, Signer};
use crate::kerberos;
use crate::negotiate::Negotiated;
use crate::status;
use crate::wire::frame::{FLAG_SIGNED, Frame, Reply};
use crate::wire::{Bits, Command, HEADER, Malformed};

/// Who wants to come in.
pub(crate) enum Credentials {
    /// A guest, or nobody by name.
    Guest,
    /// A user with a password.
    Password { domain: String, user: String, password: Zeroizing<String> },
    /// A user of a Kerberos realm.
    Kerberos(kerberos::Login),
}

/// A session that the server has granted.
pub(crate) struct Granted {
    /// The user, `guest` or `anonymous`.
    pub(crate) user: String,
    pub(crate) id: u64,
}

/// How a session is to be protected beyond what the server demands.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) sign: bool,
    pub(crate) encrypt: bool,
    /// The session that this one replaces.
    pub(crate) previous: Option<u64>,
}

/// Logs on and puts the keys in force.
pub(crate) async fn log_on(
    connection: &Connection,
    credentials: &Credentials,
    wish: Wish,
    deadline: Instant,
) -> Result<Granted, ShareError> {
    let negotiated = connection.negotiated.get().ok_or(Malformed)?;
    let mut exchange = Exchange { connection, wish, deadline, hash: negotiated.preauth.clone() };
    let (outcome, key, user) = match credentials {
        Credentials::Guest => exchange.guest().await?,
        Credentials::Password { domain, user, password } => {
            let (outcome, key) = exchange.ntlm(domain, user, password).await?;
            (outcome, key, user.clone())
        }
        Credentials::Kerberos(login) => exchange.kerberos(login).await?,
    };
    let is_named = !matches!(credentials, Credentials::Guest) && !user.eq_ignore_ascii_case("guest");
    let flags = outcome.flags;
    let is_stranger = flags.is_guest() || flags.is_null();
    if is_stranger && is_named {
        let what = "the server would let this user in as a guest only: unknown user or wrong password";
        return Err(ShareError { status: what.into(), ..status::error(status::LOGON_FAILURE) });
    }
    let id = outcome.reply.header.session;
    let security = secure(negotiated, &exchange.hash, &key, id, flags, wish)?;
    if is_named {
        check_final(negotiated, &security, &outcome.reply)?;
    }
    connection.set_session(id);
    let _ = connection.security.set(security);
    let user = match (flags.is_null(), flags.is_guest()) {
        (true, _) => "anonymous".into(),
        (_, true) => "guest".into(),
        _ => user,
    };
    Ok(Granted { user, id })
}

/// The answer that ended an exchange.
struct Outcome {
    reply: Reply,
    flags: SessionFlags,
    token: Vec<u8>,
}

struct Exchange<'a> {
    connection: &'a Connection,
    wish: Wish,
    deadline: Instant,
    hash: PreauthHasher,
}

impl Exchange<'_> {
    /// One round: a token there, a token back.
    async fn round(&mut self, token: Vec<u8>) -> Result<Outcome, ShareError> {
        let mode =
            if self.wish.sign { SecurityMode::SIGNING_REQUIRED } else { SecurityMode::SIGNING_ENABLED };
        let request = SessionSetupRequest {
            flags: SessionSetupRequestFlags(0),
            security_mode: SecurityMode::new(mode),
            capabilities: Capabilities::new(Capabilities::DFS),
            channel: 0,
            previous_session_id: self.wish.previous.unwrap_or(0),
            security_buffer: token,
        };
        let mut body = WriteCursor::new();
        request.pack(&mut body);
        let frame = Frame::one(Command::SessionSetup, 0, |into| {
            into.extend_from_slice(&Zeroizing::new(body.into_inner()))
        });
        let (sent, reply) = self.connection.call_seen(frame, self.deadline).await?;
        self.hash.update(&sent);
        reply.ok_or_status(status::MORE_PROCESSING_REQUIRED)?;
        if !status::is_success(reply.header.status) {
            self.hash.update(&reply.message);
        }
        self.connection.set_session(reply.header.session);
        let body = reply.message.part(HEADER, reply.message.len() - HEADER)?;
        let response = SessionSetupResponse::unpack(&mut ReadCursor::new(body)).map_err(|_| Malformed)?;
        Ok(Outcome { flags: response.session_flags, token: response.security_buffer, reply })
    }

    fn restart(&mut self) {
        if let Some(negotiated) = self.connection.negotiated.get() {
            self.hash = negotiated.preauth.clone();
        }
        self.connection.set_session(0);
    }

    /// NTLMv2.
    async fn ntlm(
        &mut self,
        domain: &str,
        user: &str,
        password: &str,
    ) -> Result<(Outcome, Zeroizing<Vec<u8>>), ShareError> {
        let mut ntlm = NtlmAuthenticator::new(NtlmCredentials {
            username: user.into(),
            password: password.into(),
            domain: domain.into(),
        });
        let challenge = self.round(ntlm.negotiate()).await?;
        let answer = ntlm.authenticate(&challenge.token).map_err(|_| Malformed)?;
        let outcome = self.round(answer).await?;
        outcome.reply.ok()?;
        let key = Zeroizing::new(ntlm.session_key().ok_or(Malformed)?.to_vec());
        Ok((outcome, key))
    }

    /// As a guest; and where guests are not known, as nobody.
    async fn guest(&mut self) -> Result<(Outcome, Zeroizing<Vec<u8>>, String), ShareError> {
        match self.ntlm("", "guest", "").await {
            Ok((outcome, key)) => return Ok((outcome, key, "guest".into())),
            Err(error) if error.transport => return Err(error),
            Err(_) => self.restart(),
        }
        let mut ntlm = NtlmAuthenticator::new(NtlmCredentials {
            username: String::new(),
            password: String::new(),
            domain: String::new(),
        });
        self.round(ntlm.negotiate()).await?;
        let outcome = self.round(anonymous()).await?;
        outcome.reply.ok()?;
        // The session key of an anonymous session is all zeros (MS-NLMP 3.2.5.1.2); nothing is signed with it.
        Ok((outcome, Zeroizing::new(vec![0; 16]), "anonymous".into()))
    }

    /// Kerberos. The key is as long as the ticket's cipher has it.
    async fn kerberos(
        &mut self,
        login: &kerberos::Login,
    ) -> Result<(Outcome, Zeroizing<Vec<u8>>, String), ShareError> {
        let mut ticket = kerberos::ticket(login, self.deadline).await?;
        let outcome = self.round(ticket.token).await?;
        outcome.reply.ok().map_err(|error| match error.errno {
            libc::EACCES => kerberos::not_accepted(&error),
            _ => error,
        })?;
        if let Some(token) = parse_neg_token_resp(&outcome.token).ok().and_then(|token| token.response_token)
        {
            ticket.authenticator.process_mutual_auth_token(&token).map_err(|_| Malformed)?;
        }
        let key = ticket.authenticator.session_key().ok_or(Malformed)?;
        Ok((outcome, Zeroizing::new(key.to_vec()), ticket.user))
    }
}

/// An NTLM AUTHENTICATE_MESSAGE of nobody (MS-NLMP 2.2.1.3, 3.2.5.1.2).
fn anonymous() -> Vec<u8> {
    /// Unicode, NTLM, always sign, extended session security, anonymous.
    const FLAGS: u32 = 0x0000_0001 | 0x0000_0200 | 0x0000_0800 | 0x0000_8000 | 0x0008_0000;
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let at = 64u32;
    for len in [1u16, 0, 0, 0, 0, 0] {
        message.extend_from_slice(&len.to_le_bytes());
        message.extend_from_slice(&len.to_le_bytes());
        message.extend_from_slice(&(at + u32::from(len == 0)).to_le_bytes());
    }
    message.extend_from_slice(&FLAGS.to_le_bytes());
    message.push(0);
    message
}

/// The keys of a session, and what is protected with them.
fn secure(
    negotiated: &Negotiated,
    hash: &PreauthHasher,
    key: &[u8],
    id: u64,
    flags: SessionFlags,
    wish: Wish,
) -> Result<Security, ShareError> {
    let is_stranger = flags.is_guest() || flags.is_null();
    let encrypt = negotiated.cipher.is_some() && !is_stranger && (flags.encrypt_data() || wish.encrypt);
    if (flags.encrypt_data() || wish.encrypt) && !encrypt {
        return Err(ShareError::server(libc::EPROTO, "encryption is demanded, and cannot be done here"));
    }
    if is_stranger {
        return Ok(Security { session: id, signer: None, sealer: None, sign: false, encrypt: false });
    }
    // All but the keys of 256-bit ciphers come from the first 16 bytes (MS-SMB2 3.2.5.3).
    let full = key;
    let key = full.get(..16).unwrap_or(full);
    let (signing_key, sealer) = match negotiated.dialect {
        Dialect::Smb2_0_2 | Dialect::Smb2_1 => (Zeroizing::new(key.to_vec()), None),
        dialect => {
            let preauth = (dialect == Dialect::Smb3_1_1).then(|| hash.value());
            let keys = derive_session_keys(key, dialect, preauth, 128);
            let sealer = negotiated.cipher.and_then(|cipher| {
                // 256-bit ciphers have longer keys; the signing key stays at 128 bits (MS-SMB2 3.1.4.2).
                let (key, bits) = if matches!(cipher, Cipher::Aes256Ccm | Cipher::Aes256Gcm) {
                    (full, 256)
                } else {
                    (key, 128)
                };
                let keys = derive_session_keys(key, dialect, preauth, bits);
                Sealer::new(cipher, &keys.encryption_key, &keys.decryption_key)
            });
            (Zeroizing::new(keys.signing_key), sealer)
        }
    };
    let signer = Signer::new(negotiated.signing, &signing_key);
    let sign = negotiated.signing_required || wish.sign;
    Ok(Security { session: id, signer, sealer, sign, encrypt })
}

/// The last answer of an exchange decides what is protected at all, so that it must prove itself (3.2.5.3.1).
fn check_final(negotiated: &Negotiated, security: &Security, reply: &Reply) -> Result<(), ShareError> {
    let is_signed = reply.header.flags & FLAG_SIGNED != 0;
    let signer = security.signer.as_ref().ok_or(Malformed)?;
    let good = if is_signed { signer.verify(&mut reply.message.to_vec()) } else { !negotiated.is_smb3() };
    if good {
        Ok(())
    } else {
        Err(ShareError::server(libc::EPROTO, "the server could not prove that it knows the password"))
    }
}
