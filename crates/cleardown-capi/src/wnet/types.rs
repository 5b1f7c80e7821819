//! The structures of `winnetwk.h`.

use crate::layout::structure;
use crate::memory::{Ptr, Str};

structure! {
    c
    /// NETRESOURCE: a resource, or the place of an enumeration.
    NetResource<C> {
        scope: u32,
        kind: u32,
        display: u32,
        usage: u32,
        local: Str<C>,
        remote: Str<C>,
        comment: Str<C>,
        provider: Str<C>,
    }

    c
    /// UNIVERSAL_NAME_INFO.
    UniversalName<C> {
        universal: Str<C>,
    }

    c
    /// REMOTE_NAME_INFO.
    RemoteName<C> {
        universal: Str<C>,
        connection: Str<C>,
        remaining: Str<C>,
    }

    c
    /// NETINFOSTRUCT.
    NetInfo<C> {
        size: u32,
        version: u32,
        status: u32,
        characteristics: u32,
        handle: usize,
        net_type: u16,
        printers: u32,
        drives: u32,
        marker: [C; 0],
    }

    c
    /// NETCONNECTINFOSTRUCT.
    NetConnectInfo<C> {
        size: u32,
        flags: u32,
        speed: u32,
        delay: u32,
        data_size: u32,
        marker: [C; 0],
    }

    c
    /// CONNECTDLGSTRUCT.
    ConnectDialog<C> {
        size: u32,
        owner: usize,
        resource: Ptr<NetResource<C>>,
        flags: u32,
        device: u32,
    }

    c
    /// DISCDLGSTRUCT.
    DisconnectDialog<C> {
        size: u32,
        owner: usize,
        local: Str<C>,
        remote: Str<C>,
        flags: u32,
    }
}

/// Connected resources.
pub(crate) const SCOPE_CONNECTED: u32 = 1;
/// The whole network.
pub(crate) const SCOPE_GLOBALNET: u32 = 2;
/// Remembered connections.
pub(crate) const SCOPE_REMEMBERED: u32 = 3;
/// What was used lately.
pub(crate) const SCOPE_RECENT: u32 = 4;
/// The neighbourhood.
pub(crate) const SCOPE_CONTEXT: u32 = 5;

/// Any resource.
pub(crate) const TYPE_ANY: u32 = 0;
/// A disk.
pub(crate) const TYPE_DISK: u32 = 1;
/// A printer.
pub(crate) const TYPE_PRINT: u32 = 2;

/// It can be connected to.
pub(crate) const USAGE_CONNECTABLE: u32 = 1;
/// It holds others.
pub(crate) const USAGE_CONTAINER: u32 = 2;
/// All bits that an enumeration may ask for.
pub(crate) const USAGE_ALL: u32 = 0x13;

/// A server.
pub(crate) const DISPLAY_SERVER: u32 = 2;
/// A share.
pub(crate) const DISPLAY_SHARE: u32 = 3;
/// A provider's network.
pub(crate) const DISPLAY_NETWORK: u32 = 6;

/// What a caller may set on connecting (CONNECT_*): all but CONNECT_RESERVED and what only results say.
pub(crate) mod connect {
    /// Remember it, or forget it.
    pub(crate) const UPDATE_PROFILE: u32 = 1;
    /// One reference.
    pub(crate) const REFCOUNT: u32 = 0x40;
    /// Choose a letter.
    pub(crate) const REDIRECT: u32 = 0x80;
    /// A result: the connection has a local name.
    pub(crate) const LOCALDRIVE: u32 = 0x100;
    /// All that is documented up to CONNECT_CRED_RESET. The later ones promise protection that we could not refuse to do
    /// without (REQUIRE_INTEGRITY, REQUIRE_PRIVACY), and are therefore not accepted.
    pub(crate) const KNOWN: u32 = 0x3fff;
}
