//! Providers and what they are like: WNetGetProviderName, WNetGetNetworkInformation, MultinetGetConnectionPerformance.

use cleardown_core::Code;

use super::types::{NetConnectInfo, NetInfo, NetResource};
use super::view;
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::{Ptr, Str};
use crate::provider;
use crate::text::{self, Unit};

/// WNCON_DYNAMIC: what is told may change.
const DYNAMIC: u32 = 8;

/// WNetGetProviderName.
///
/// # Errors
/// 234, 487; 1222: no provider has this type of network.
pub fn provider_name<C: Unit>(net_type: u32, name: Ptr<C>, size: Ptr<u32>) -> Result<(), Failure> {
    if size.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let scheme = provider::ALL.into_iter().find(|scheme| provider::net_type(*scheme) == net_type);
    let scheme = scheme.ok_or(Code::NO_NETWORK)?;
    text::put(provider::name(Some(scheme)), name, size)
}

/// WNetGetNetworkInformation.
///
/// # Errors
/// 87: the structure is too small. 487. 1204: no provider has this name.
pub fn information<C: Unit>(name: Str<C>, info: Ptr<NetInfo<C>>) -> Result<(), Failure> {
    if name.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let given = info.cast::<u32>().read().ok_or(INVALID_ADDRESS)?;
    let size = size_of::<NetInfo<C>>();
    if (given as usize) < size {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let scheme = provider::wanted(name)?.ok_or(Code::BAD_PROVIDER)?;
    let version = |part: &str| part.parse::<u32>().unwrap_or_default();
    let value = NetInfo {
        size: given,
        version: version(env!("CARGO_PKG_VERSION_MAJOR")) << 16 | version(env!("CARGO_PKG_VERSION_MINOR")),
        status: 0,
        characteristics: 0,
        handle: 0,
        net_type: u16::try_from(provider::net_type(scheme) >> 16).unwrap_or_default(),
        // No printers; all drive letters.
        printers: 0,
        drives: (1 << 26) - 1,
        marker: [],
    };
    info.write(value).ok_or_else(|| INVALID_ADDRESS.into())
}

/// MultinetGetConnectionPerformance: speed and delay are not measured (0: unknown); the flags say that they may change.
///
/// # Errors
/// 87: the structure is too small. 487. 2250: there is no such connection.
pub fn performance<C: Unit>(
    resource: Ptr<NetResource<C>>,
    info: Ptr<NetConnectInfo<C>>,
) -> Result<(), Failure> {
    let resource = resource.read().ok_or(INVALID_ADDRESS)?;
    let given = info.cast::<u32>().read().ok_or(INVALID_ADDRESS)?;
    if (given as usize) < size_of::<NetConnectInfo<C>>() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let read = |name: Str<C>| name.read(260).ok().flatten().filter(|name| !name.is_empty());
    let (local, remote) = (read(resource.local), read(resource.remote));
    let local = local.and_then(|name| name.parse().ok());
    let remote = remote.and_then(|name| name.parse().ok());
    let meant = |drive: &view::Drive| match (&local, &remote) {
        (Some(local), _) => drive.local.as_ref() == Some(local),
        (None, Some(remote)) => drive.remote.same_place(remote),
        (None, None) => false,
    };
    view::drives(false)?.into_iter().find(meant).ok_or(Code::NOT_CONNECTED)?;
    let value = NetConnectInfo { size: given, flags: DYNAMIC, speed: 0, delay: 0, data_size: 0, marker: [] };
    info.write(value).ok_or_else(|| INVALID_ADDRESS.into())
}
