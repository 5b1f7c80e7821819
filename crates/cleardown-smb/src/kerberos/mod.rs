//! Kerberos: from a ticket cache or a password to the token that SESSION_SETUP carries (RFC 4120, RFC 4559's SPNEGO).
//! The messages are those of the `smb2` crate; where the KDC and the tickets are is found here, as krb5.conf(5) says.

mod conf;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cleardown_share::ShareError;
use smb2::auth::kerberos::ccache::{CCache, load_ccache};
use smb2::auth::{KerberosAuthenticator, KerberosCredentials};
use zeroize::Zeroizing;

use conf::Conf;

/// Who wants to come in, to which server.
pub(crate) struct Login {
    /// The server as it was called: its ticket is for `cifs/HOST`.
    pub(crate) host: String,
    /// `user@REALM`, `REALM\user` or `user`; none: whoever the tickets are for.
    pub(crate) user: Option<String>,
    /// With a password the KDC is asked for everything; without, the tickets of the cache are used.
    pub(crate) password: Option<Zeroizing<String>>,
    /// The ticket cache; none: the usual one.
    pub(crate) cache: Option<String>,
}

/// A ticket for the server, with the token that shows it.
pub(crate) struct Ticket {
    pub(crate) token: Vec<u8>,
    /// `eve@EXAMPLE.COM`.
    pub(crate) user: String,
    /// Reads the server's answer.
    pub(crate) authenticator: KerberosAuthenticator,
}

/// No way in by Kerberos, for a reason that has nothing to do with a password.
pub(crate) const NO_TICKET: i32 = libc::ENOKEY;

/// Gets a ticket for the server, before the deadline.
///
/// # Errors
/// `EACCES` for a wrong user or password, `ETIMEDOUT` when no KDC answers, [`NO_TICKET`] for all others.
pub(crate) async fn ticket(login: &Login, deadline: Instant) -> Result<Ticket, ShareError> {
    let conf = Conf::load();
    let cache = match &login.password {
        Some(_) => None,
        None => Some(read_cache(&login.cache.clone().unwrap_or_else(|| conf.usual_cache()))?),
    };
    let (user, realm) = match (&login.user, &cache) {
        (Some(user), _) => principal(user, &conf)?,
        (None, Some(cache)) => {
            (cache.default_principal.components.join("/"), cache.default_principal.realm.clone())
        }
        (None, None) => return Err(no_ticket("a password needs a user".into())),
    };
    if let Some(cache) = &cache {
        fits(cache, &user, &realm, &login.host)?;
    }
    let kdcs = conf.kdcs(&realm);
    let mut last = ShareError::transport(libc::ETIMEDOUT, format!("no KDC of {realm} answered in time"));
    for (at, kdc) in kdcs.iter().enumerate() {
        let mut authenticator = KerberosAuthenticator::new(KerberosCredentials {
            username: user.clone(),
            password: login.password.as_ref().map(|password| password.to_string()).unwrap_or_default(),
            realm: realm.clone(),
            kdc_address: kdc.clone(),
        });
        let obtain = async {
            match &cache {
                Some(cache) => authenticator.authenticate_from_ccache(cache, &login.host).await,
                None => authenticator.authenticate(&login.host).await,
            }
        };
        // A KDC that is down leaves the others their part of the time.
        let share =
            deadline.saturating_duration_since(Instant::now()) / u32::try_from(kdcs.len() - at).unwrap_or(1);
        match tokio::time::timeout(share, obtain).await {
            Ok(Ok(())) => {
                let token = authenticator.token().unwrap_or_default().to_vec();
                return Ok(Ticket { token, user: format!("{user}@{realm}"), authenticator });
            }
            Ok(Err(smb2::Error::Io(error))) => {
                last = no_ticket(format!("the KDC {kdc} of {realm} cannot be reached: {error}"));
            }
            Ok(Err(error)) => return Err(explain(&error, &login.host, &realm)),
            Err(_) => {}
        }
    }
    Err(last)
}

/// The server's refusal of a ticket.
pub(crate) fn not_accepted(error: &ShareError) -> ShareError {
    no_ticket(format!("the server did not accept the ticket ({error})"))
}

fn no_ticket(why: String) -> ShareError {
    ShareError::server(NO_TICKET, why)
}

/// User and realm of a name as people write it.
fn principal(user: &str, conf: &Conf) -> Result<(String, String), ShareError> {
    if let Some((user, realm)) = user.rsplit_once('@') {
        return Ok((user.into(), realm.to_uppercase()));
    }
    let (domain, user) = match user.split_once(['\\', '/']) {
        Some((domain, user)) => (domain.to_uppercase(), user),
        None => (String::new(), user),
    };
    // A domain's short name is no realm; the realm is then the machine's own.
    let realm = match conf.has_realm(&domain) || domain.contains('.') {
        true => Some(domain),
        false => conf.default_realm.clone().or(Some(domain).filter(|domain| !domain.is_empty())),
    };
    match realm {
        Some(realm) => Ok((user.into(), realm)),
        None => Err(no_ticket(format!("the realm of {user} is not known: write {user}@REALM"))),
    }
}

/// The tickets of a cache that is a file.
fn read_cache(name: &str) -> Result<CCache, ShareError> {
    let path = match name.split_once(':') {
        Some(("FILE", path)) => path,
        None => name,
        Some((kind, _)) => {
            let why = format!(
                "the ticket cache {name} is of the kind {kind}, and only files can be read (FILE:PATH)"
            );
            return Err(no_ticket(why));
        }
    };
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_ticket(format!("there is no ticket cache {path}")));
        }
        Err(error) => return Err(no_ticket(format!("the ticket cache {path} cannot be read: {error}"))),
    }
    load_ccache(Some(path.as_ref())).map_err(|error| no_ticket(error.to_string()))
}

/// Whether the tickets are this user's, and still good.
fn fits(cache: &CCache, user: &str, realm: &str, host: &str) -> Result<(), ShareError> {
    let owner = &cache.default_principal;
    let name = owner.components.join("/");
    if name != user || owner.realm != realm {
        return Err(no_ticket(format!(
            "the tickets are those of {name}@{}, and not of {user}@{realm}",
            owner.realm
        )));
    }
    let ticket = cache.find_service_ticket("cifs", host, realm).or_else(|| cache.find_tgt(realm));
    let Some(ticket) = ticket else { return Err(no_ticket(format!("the cache has no ticket of {realm}"))) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if now >= Duration::from_secs(ticket.endtime.into()) {
        return Err(no_ticket(format!("the ticket of {name}@{realm} has expired")));
    }
    Ok(())
}

/// What a KDC's refusal means (RFC 4120 7.5.9). The crate gives the number in its text only.
fn explain(error: &smb2::Error, host: &str, realm: &str) -> ShareError {
    let text = error.to_string();
    let code =
        text.split_once("KRB-ERROR code ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u32>().ok());
    no_ticket(match code {
        Some(6) => return ShareError::server(libc::EACCES, "the KDC does not know this user"),
        Some(24 | 31) => return ShareError::server(libc::EACCES, "the KDC did not accept this password"),
        Some(18) => format!("the account is disabled or locked in {realm}"),
        Some(23) => return ShareError::server(libc::EKEYEXPIRED, "the password has expired"),
        Some(7) => format!(
            "{realm} knows no server cifs/{host}: call the server by the name that the realm has for it"
        ),
        Some(32) => "the ticket has expired".into(),
        Some(37) => "the clocks of this machine and of the KDC differ too much".into(),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, default: Option<&str>) -> Result<String, String> {
        let mut conf = Conf::parse("[realms]\n CORP = {\n }\n");
        conf.default_realm = default.map(Into::into);
        principal(user, &conf).map(|(user, realm)| format!("{user}@{realm}")).map_err(|error| error.status)
    }

    #[test]
    fn users_and_realms_are_found_in_every_way_of_writing() {
        assert_eq!(of("eve@example.com", None).unwrap(), "eve@EXAMPLE.COM");
        assert_eq!(of(r"corp\eve", Some("OTHER")).unwrap(), "eve@CORP");
        assert_eq!(of(r"example.com\eve", Some("OTHER")).unwrap(), "eve@EXAMPLE.COM");
        assert_eq!(of(r"SHORT\eve", Some("OTHER")).unwrap(), "eve@OTHER");
        assert_eq!(of(r"SHORT\eve", None).unwrap(), "eve@SHORT");
        assert_eq!(of("eve", Some("OTHER")).unwrap(), "eve@OTHER");
        assert_eq!(of("eve", None).unwrap_err(), "the realm of eve is not known: write eve@REALM");
    }

    #[test]
    fn only_caches_that_are_files_are_read() {
        for (name, why) in [
            ("KCM:", "the ticket cache KCM: is of the kind KCM, and only files can be read (FILE:PATH)"),
            ("FILE:/nowhere/at/all", "there is no ticket cache /nowhere/at/all"),
            ("/nowhere/at/all", "there is no ticket cache /nowhere/at/all"),
        ] {
            let error = read_cache(name).err().unwrap();
            assert_eq!((error.errno, error.status.as_str()), (NO_TICKET, why));
        }
    }
}
