//! Who we are: the agent's keys, key files, the password.

use std::path::Path;
use std::sync::Arc;

use cleardown_core::error::{Error, ErrorKind};
use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};

use crate::config::Config;
use crate::ssh::{Client, failure};

/// Servers hang up after a few wrong keys (OpenSSH: 6 tries); the password must still have its turn.
const KEYS: usize = 4;
/// Rounds of questions a server may ask.
const ROUNDS: usize = 4;

/// One attempt after another on one connection.
struct Attempts<'a> {
    config: &'a Config,
    handle: &'a mut Handle<Client>,
    /// What the server would still take.
    methods: Vec<MethodKind>,
    tried: Vec<String>,
    keys: usize,
}

/// Logs on.
pub(crate) async fn log_on(config: &Config, handle: &mut Handle<Client>) -> Result<(), Error> {
    config.say("authenticating");
    let mut attempts = Attempts { config, handle, methods: Vec::new(), tried: Vec::new(), keys: 0 };
    if attempts.all().await? {
        return Ok(());
    }
    let (user, server) = (config.user.clone(), config.server());
    let error = Error::from(ErrorKind::Authentication { user, server });
    Err(match attempts.tried.as_slice() {
        [] => error.because("there is no key, no agent and no password to try"),
        tried => error.because(format!("the server did not accept {}", tried.join(", "))),
    })
}

impl Attempts<'_> {
    async fn all(&mut self) -> Result<bool, Error> {
        // The answer to "none" says what the server would take.
        let first = self.handle.authenticate_none(&self.config.user).await;
        if self.done(first)? {
            return Ok(true);
        }
        Ok(self.agent().await? || self.files().await? || self.password().await? || self.questions().await?)
    }

    fn done(&mut self, result: Result<AuthResult, russh::Error>) -> Result<bool, Error> {
        match result {
            Ok(AuthResult::Success) => Ok(true),
            Ok(AuthResult::Failure { remaining_methods, .. }) => {
                // The library says "failure" with no methods when the connection is gone.
                self.methods = remaining_methods.iter().copied().collect();
                if self.methods.is_empty() && self.handle.is_closed() && self.tried.is_empty() {
                    return Err(failure(self.config, &russh::Error::HUP));
                }
                Ok(false)
            }
            Err(error) => Err(failure(self.config, &error)),
        }
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.methods.contains(&method)
    }

    fn may_try_a_key(&mut self) -> bool {
        self.keys += 1;
        self.takes(MethodKind::PublicKey) && self.keys <= KEYS
    }

    async fn hash(&self, key: &PublicKey) -> Option<HashAlg> {
        if !key.algorithm().is_rsa() {
            return None;
        }
        let best = self.handle.best_supported_rsa_hash().await;
        best.ok().flatten().unwrap_or(Some(HashAlg::Sha256))
    }

    async fn agent(&mut self) -> Result<bool, Error> {
        let Some(socket) = &self.config.agent else { return Ok(false) };
        let Ok(mut agent) = AgentClient::connect_uds(socket).await else { return Ok(false) };
        let Ok(identities) = agent.request_identities().await else { return Ok(false) };
        for identity in identities {
            let AgentIdentity::PublicKey { key, .. } = identity else { continue };
            if !self.may_try_a_key() {
                break;
            }
            self.tried.push(format!("the agent's key {}", key.fingerprint(HashAlg::Sha256)));
            let hash = self.hash(&key).await;
            let user = self.config.user.clone();
            match self.handle.authenticate_publickey_with(user, key, hash, &mut agent).await {
                Ok(result) => {
                    if self.done(Ok(result))? {
                        return Ok(true);
                    }
                }
                // The agent would not sign; another key may do.
                Err(error) => tracing::debug!(%error, "the agent did not sign"),
            }
        }
        Ok(false)
    }

    async fn files(&mut self) -> Result<bool, Error> {
        for file in self.config.identities.clone() {
            let Some(key) = self.load(&file) else { continue };
            if !self.may_try_a_key() {
                break;
            }
            self.tried.push(format!("the key {}", file.display()));
            let hash = self.hash(key.public_key()).await;
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            let result = self.handle.authenticate_publickey(&self.config.user, key).await;
            if self.done(result)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A key file; an encrypted one if the password happens to open it.
    fn load(&mut self, file: &Path) -> Option<PrivateKey> {
        match russh::keys::load_secret_key(file, None) {
            Ok(key) => Some(key),
            Err(russh::keys::Error::KeyIsEncrypted) => {
                let password = self.config.password.as_ref()?;
                russh::keys::load_secret_key(file, Some(password)).ok()
            }
            Err(_) => None,
        }
    }

    async fn password(&mut self) -> Result<bool, Error> {
        let Some(password) = &self.config.password else { return Ok(false) };
        if !self.takes(MethodKind::Password) {
            return Ok(false);
        }
        self.tried.push("the password".into());
        let result = self.handle.authenticate_password(&self.config.user, password.as_str()).await;
        self.done(result)
    }

    async fn questions(&mut self) -> Result<bool, Error> {
        let Some(password) = &self.config.password else { return Ok(false) };
        if !self.takes(MethodKind::KeyboardInteractive) {
            return Ok(false);
        }
        self.tried.push("the password as an answer to its question".into());
        let user = self.config.user.clone();
        let mut answer = self.handle.authenticate_keyboard_interactive_start(user, None).await;
        for _ in 0..ROUNDS {
            let prompts = match answer {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { .. }) | Err(_) => return Ok(false),
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
            };
            // Only one hidden question can be the one for the password.
            let responses = match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !prompt.echo => vec![password.to_string()],
                _ => return Ok(false),
            };
            answer = self.handle.authenticate_keyboard_interactive_respond(responses).await;
        }
        Ok(false)
    }
}
