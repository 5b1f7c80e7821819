//! Connecting: WNetAddConnection, 2 and 3, WNetUseConnection.

use cleardown_client::{Instance, Secret};
use cleardown_core::request::{MapRequest, Name};
use cleardown_core::view::Connection;
use cleardown_core::{Code, ErrorKind, LocalName, Remote};

use super::types::{NetResource, TYPE_ANY, TYPE_DISK, TYPE_PRINT, connect};
use super::view;
use crate::failure::{Failure, INVALID_ADDRESS, MORE_DATA, NO_MORE_ITEMS};
use crate::memory::{Ptr, Str};
use crate::provider;
use crate::session;
use crate::text::{self, Unit};

/// The longest remote name (MAX_PATH).
pub(crate) const LONGEST_NAME: usize = 260;
const LONGEST_USER: usize = 512;
/// ERROR_BAD_DEV_TYPE: we have no printers.
const BAD_DEVICE_TYPE: Code = Code(66);

/// What is to be connected.
struct Wish {
    local: Option<LocalName>,
    remote: Remote,
    secret: Option<Secret>,
    user: Option<String>,
    flags: u32,
}

/// WNetAddConnection: the oldest form, whose connections are always remembered.
///
/// # Errors
/// As [`add_2`].
pub fn add<C: Unit>(remote: Str<C>, password: Str<C>, local: Str<C>) -> Result<(), Failure> {
    let wish = wish(local, remote, Str::NULL, password, Str::NULL, connect::UPDATE_PROFILE)?;
    fulfil(&wish).map(drop)
}

/// WNetAddConnection2.
///
/// # Errors
/// 5, 53, 66, 67, 85, 86, 87, 121, 487, 1200, 1202, 1203, 1204, 1205, 1206, 1208, 1222, 1223, 1326, 2202.
pub fn add_2<C: Unit>(
    resource: Ptr<NetResource<C>>,
    password: Str<C>,
    user: Str<C>,
    flags: u32,
) -> Result<(), Failure> {
    fulfil(&wish_of(resource, password, user, flags)?).map(drop)
}

/// WNetAddConnection3: the window is for questions, and we never ask any.
///
/// # Errors
/// As [`add_2`].
pub fn add_3<C: Unit>(
    _window: usize,
    resource: Ptr<NetResource<C>>,
    password: Str<C>,
    user: Str<C>,
    flags: u32,
) -> Result<(), Failure> {
    add_2(resource, password, user, flags)
}

/// WNetAddConnection4: as the third form, without a user. A packed credential only Windows makes, and its options too.
///
/// # Errors
/// As [`add_2`]; 50: a credential or options are given.
pub fn add_4<C: Unit>(
    window: usize,
    resource: Ptr<NetResource<C>>,
    credential: Ptr<u8>,
    _credential_size: u32,
    flags: u32,
    options: Ptr<u8>,
    _options_size: u32,
) -> Result<(), Failure> {
    without(credential, options)?;
    add_3(window, resource, Str::NULL, Str::NULL, flags)
}

/// WNetUseConnection4: as WNetUseConnection, without a user.
///
/// # Errors
/// As [`use_connection`] and [`add_4`].
#[expect(clippy::too_many_arguments, reason = "the function has them")]
pub fn use_connection_4<C: Unit>(
    window: usize,
    resource: Ptr<NetResource<C>>,
    credential: Ptr<u8>,
    _credential_size: u32,
    flags: u32,
    options: Ptr<u8>,
    _options_size: u32,
    access_name: Ptr<C>,
    size: Ptr<u32>,
    result: Ptr<u32>,
) -> Result<(), Failure> {
    without(credential, options)?;
    use_connection(window, resource, Str::NULL, Str::NULL, flags, access_name, size, result)
}

fn without(credential: Ptr<u8>, options: Ptr<u8>) -> Result<(), Failure> {
    if credential.is_null() && options.is_null() { Ok(()) } else { Err(Code::NOT_SUPPORTED.into()) }
}

/// WNetUseConnection: also gives the name by which the connection is used.
///
/// # Errors
/// As [`add_2`], and 234: the name does not fit, its size is told, and nothing is connected; 259: no letter is free.
#[expect(clippy::too_many_arguments, reason = "the function has them")]
pub fn use_connection<C: Unit>(
    _window: usize,
    resource: Ptr<NetResource<C>>,
    password: Str<C>,
    user: Str<C>,
    flags: u32,
    access_name: Ptr<C>,
    size: Ptr<u32>,
    result: Ptr<u32>,
) -> Result<(), Failure> {
    if !access_name.is_null() && size.read().is_none_or(|size| size == 0) {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let wish = wish_of(resource, password, user, flags)?;
    let expected = match (&wish.local, wish.flags & connect::REDIRECT) {
        (Some(local), _) => local.to_string(),
        (None, 0) => provider::remote_name(&wish.remote),
        (None, _) => "Z:".to_owned(),
    };
    let needed = u32::try_from(C::encode(&expected).len() + 1).unwrap_or(u32::MAX);
    if !access_name.is_null() && size.read().is_some_and(|room| room < needed) {
        let _ = size.write(needed);
        return Err(MORE_DATA.into());
    }
    let (local, _) = fulfil(&wish)?;
    if !access_name.is_null() {
        let name = local.as_ref().map_or(expected, ToString::to_string);
        text::put(&name, access_name, size)?;
    }
    let _ = result.write(if local.is_some() { connect::LOCALDRIVE } else { 0 });
    Ok(())
}

fn wish_of<C: Unit>(
    resource: Ptr<NetResource<C>>,
    password: Str<C>,
    user: Str<C>,
    flags: u32,
) -> Result<Wish, Failure> {
    let resource = resource.read().ok_or(INVALID_ADDRESS)?;
    match resource.kind {
        TYPE_ANY if flags & connect::REDIRECT != 0 => return Err(Code::INVALID_PARAMETER.into()),
        TYPE_ANY | TYPE_DISK => {}
        TYPE_PRINT => return Err(BAD_DEVICE_TYPE.into()),
        _ => return Err(Code::INVALID_PARAMETER.into()),
    }
    wish(resource.local, resource.remote, resource.provider, password, user, flags)
}

fn wish<C: Unit>(
    local: Str<C>,
    remote: Str<C>,
    wanted_provider: Str<C>,
    password: Str<C>,
    user: Str<C>,
    flags: u32,
) -> Result<Wish, Failure> {
    if flags & !connect::KNOWN != 0 {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let local = local_name(local)?;
    let remote = remote.read(LONGEST_NAME).map_err(|_| Code::BAD_NET_NAME)?.unwrap_or_default();
    let remote: Remote = remote.parse().map_err(Failure::from)?;
    if provider::wanted(wanted_provider)?.is_some_and(|scheme| scheme != remote.scheme) {
        return Err(Code::NO_NET_OR_BAD_PATH.into());
    }
    let user = user.read(LONGEST_USER).map_err(|_| Code::BAD_USERNAME)?.filter(|user| !user.is_empty());
    if user.as_ref().is_some_and(|user| user.chars().any(char::is_control)) {
        return Err(Code::BAD_USERNAME.into());
    }
    let secret = password.read(Secret::MAX).map_err(|_| Code::INVALID_PASSWORD)?.map(Secret::new);
    Ok(Wish { local, remote, secret, user, flags })
}

/// A local name; NULL and "" mean none.
fn local_name<C: Unit>(local: Str<C>) -> Result<Option<LocalName>, Failure> {
    let local = local.read(LONGEST_NAME).map_err(|_| Code::BAD_DEVICE)?;
    Ok(local.filter(|name| !name.is_empty()).map(|name| name.parse()).transpose()?)
}

/// Connects; gives back the local name that it got.
fn fulfil(wish: &Wish) -> Result<(Option<LocalName>, Connection), Failure> {
    let by = |failure: Failure| failure.by(wish.remote.scheme);
    if let Some(local) = &wish.local {
        return Ok((Some(local.clone()), map(wish, Name::Given(local.clone())).map_err(by)?));
    }
    if wish.flags & connect::REDIRECT == 0 {
        return Ok((None, map(wish, Name::Deviceless).map_err(by)?));
    }
    for letter in free_letters()? {
        match map(wish, Name::Given(letter.clone())) {
            // Somebody else was quicker.
            Err(Failure::Told(error, _))
                if matches!(error.kind, ErrorKind::NameInUse { .. } | ErrorKind::NameRemembered { .. }) => {}
            outcome => return Ok((Some(letter), outcome.map_err(by)?)),
        }
    }
    Err(NO_MORE_ITEMS.into())
}

/// The letters from Z: to C: that are neither connected nor remembered.
fn free_letters() -> Result<impl Iterator<Item = LocalName>, Failure> {
    let taken: Vec<LocalName> = view::drives(true)?.into_iter().filter_map(|drive| drive.local).collect();
    let letters = ('C'..='Z').rev().filter_map(|letter| format!("{letter}:").parse::<LocalName>().ok());
    Ok(letters.filter(move |letter| !taken.contains(letter)))
}

fn map(wish: &Wish, name: Name) -> Result<Connection, Failure> {
    let request = MapRequest {
        // A connection without a local name is never remembered.
        remember: wish.flags & connect::UPDATE_PROFILE != 0 && name != Name::Deviceless,
        name,
        remote: wish.remote.clone(),
        at: None,
        read_only: false,
        user: wish.user.clone(),
        replace: false,
        kerberos: None,
        accept_host_key: None,
        timeout_ms: u64::try_from(MapRequest::TIMEOUT.as_millis()).unwrap_or(u64::MAX),
    };
    let secret = wish.secret.clone();
    Ok(session::operate(Instance::User, async |client| client.map(&request, secret, |_| {}).await)?)
}
