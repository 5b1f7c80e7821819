//! The structures of `ras.h`. Each grew with Windows: a caller tells by `size` which version it was compiled with, and earlier
//! versions are the beginnings of later ones.

pub use super::dialogs::{RasDialDialog, RasEntryDialog, RasPhonebookDialog};
use crate::layout::structure;
use crate::memory::Ptr;

/// RAS_MaxEntryName and its zero; the other limits likewise.
pub const ENTRY_NAME: usize = 257;
/// RAS_MaxDeviceType.
pub const DEVICE_TYPE: usize = 17;
/// RAS_MaxDeviceName.
pub const DEVICE_NAME: usize = 129;
/// RAS_MaxPhoneNumber and RAS_MaxCallbackNumber.
pub const PHONE_NUMBER: usize = 129;
/// UNLEN and PWLEN.
pub const USER: usize = 257;
/// DNLEN.
pub const DOMAIN: usize = 16;
/// MAX_PATH.
pub const PATH: usize = 260;

structure! {
    pack4
    /// RASCONN: a link in a list.
    RasConn<C> {
        size: u32,
        handle: usize,
        entry: [C; ENTRY_NAME],
        device_type: [C; DEVICE_TYPE],
        device_name: [C; DEVICE_NAME],
        phonebook: [C; PATH],
        sub_entry: u32,
        guid: [u32; 4],
        flags: u32,
        luid: [u32; 2],
        correlation: [u32; 4],
    }

    pack4
    /// RASCONNSTATUS: how far a link has come.
    RasConnStatus<C> {
        size: u32,
        state: u32,
        error: u32,
        device_type: [C; DEVICE_TYPE],
        device_name: [C; DEVICE_NAME],
        phone_number: [C; PHONE_NUMBER],
        local_end: [u32; 5],
        remote_end: [u32; 5],
        sub_state: u32,
    }

    pack4
    /// RASENTRYNAME: an entry of the phone book in a list.
    RasEntryName<C> {
        size: u32,
        entry: [C; ENTRY_NAME],
        flags: u32,
        phonebook: [C; PATH + 1],
    }

    pack4
    /// RASDEVINFO: a device in a list.
    RasDevInfo<C> {
        size: u32,
        device_type: [C; DEVICE_TYPE],
        device_name: [C; DEVICE_NAME],
    }

    pack4
    /// RASDIALPARAMS: what is dialled, and as whom.
    RasDialParams<C> {
        size: u32,
        entry: [C; ENTRY_NAME],
        phone_number: [C; PHONE_NUMBER],
        callback_number: [C; PHONE_NUMBER],
        user: [C; USER],
        password: [C; USER],
        domain: [C; DOMAIN],
        sub_entry: u32,
        callback_id: usize,
        interface: u32,
        encrypted_password: Ptr<C>,
    }

    pack4
    /// RASDIALEXTENSIONS.
    RasDialExtensions<C> {
        size: u32,
        options: u32,
        window: usize,
        reserved: usize,
        reserved_1: usize,
        eap_size: u32,
        eap: usize,
        skip_ppp_auth: u32,
        specific_size: u32,
        specific: usize,
        marker: [C; 0],
    }

    pack4
    /// RASCREDENTIALS.
    RasCredentials<C> {
        size: u32,
        mask: u32,
        user: [C; USER],
        password: [C; USER],
        domain: [C; DOMAIN],
    }

    pack4
    /// RASENTRY: an entry of the phone book.
    RasEntry<C> {
        size: u32,
        options: u32,
        country_id: u32,
        country_code: u32,
        area_code: [C; 11],
        phone_number: [C; PHONE_NUMBER],
        alternates: u32,
        address: [u8; 4],
        dns: [u8; 4],
        dns_alternate: [u8; 4],
        wins: [u8; 4],
        wins_alternate: [u8; 4],
        frame_size: u32,
        protocols: u32,
        framing: u32,
        script: [C; PATH],
        autodial_dll: [C; PATH],
        autodial_function: [C; PATH],
        device_type: [C; DEVICE_TYPE],
        device_name: [C; DEVICE_NAME],
        x25_pad_type: [C; 33],
        x25_address: [C; 201],
        x25_facilities: [C; 201],
        x25_user_data: [C; 201],
        channels: u32,
        reserved_1: u32,
        reserved_2: u32,
        sub_entries: u32,
        dial_mode: u32,
        dial_extra_percent: u32,
        dial_extra_seconds: u32,
        hang_up_extra_percent: u32,
        hang_up_extra_seconds: u32,
        idle_seconds: u32,
        kind: u32,
        encryption: u32,
        custom_auth: u32,
        guid: [u32; 4],
        custom_dial_dll: [C; PATH],
        vpn_strategy: u32,
        options_2: u32,
        options_3: u32,
        dns_suffix: [C; 256],
        tcp_window: u32,
        prerequisite_book: [C; PATH],
        prerequisite_entry: [C; ENTRY_NAME],
        redial_count: u32,
        redial_pause: u32,
        dns_6: [u8; 16],
        dns_6_alternate: [u8; 16],
        metric_4: u32,
        metric_6: u32,
        address_6: [u8; 16],
        prefix_6: u32,
        outage_seconds: u32,
        initiator: [C; 257],
        responder: [C; 257],
        is_ims: u32,
        initiator_kind: u32,
        responder_kind: u32,
        no_fragments: u32,
    }

    pack4
    /// RASSUBENTRY: one of the lines of an entry.
    RasSubEntry<C> {
        size: u32,
        flags: u32,
        device_type: [C; DEVICE_TYPE],
        device_name: [C; DEVICE_NAME],
        phone_number: [C; PHONE_NUMBER],
        alternates: u32,
    }

    pack4
    /// RASCTRYINFO: a country and its code.
    RasCountryInfo<C> {
        size: u32,
        id: u32,
        next_id: u32,
        code: u32,
        name_offset: u32,
        marker: [C; 0],
    }

    pack4
    /// RAS_STATS.
    RasStats<C> {
        size: u32,
        bytes_out: u32,
        bytes_in: u32,
        frames_out: u32,
        frames_in: u32,
        errors: [u32; 6],
        compression: [u32; 2],
        bits_per_second: u32,
        milliseconds: u32,
        marker: [C; 0],
    }

    pack4
    /// RASPPPIP: what IPCP agreed on.
    RasPppIp<C> {
        size: u32,
        error: u32,
        address: [C; 16],
        server: [C; 16],
        options: u32,
        server_options: u32,
    }

    pack4
    /// RASPPPIPV6: what IPV6CP agreed on.
    RasPppIpV6<C> {
        size: u32,
        error: u32,
        local: [u8; 8],
        peer: [u8; 8],
        local_compression: [u8; 2],
        peer_compression: [u8; 2],
        marker: [C; 0],
    }

    pack4
    /// RAS_PROJECTION_INFO, in its form for PPP, which is the longer one.
    RasProjection<C> {
        version: u32,
        kind: u32,
        error_4: u32,
        address: [u8; 4],
        server: [u8; 4],
        options: u32,
        server_options: u32,
        error_6: u32,
        identifier: [u8; 8],
        server_identifier: [u8; 8],
        /// Bundles, authentication, LCP and compression.
        rest: [u32; 15],
        marker: [C; 0],
    }
}

/// A structure that callers of different ages know in different lengths.
pub trait Aged: crate::memory::Plain {
    /// The sizes that are accepted, in bytes.
    const SIZES: &'static [u32];

    /// Whether a caller that says this size knows one of the versions.
    fn knows(size: u32) -> bool {
        Self::SIZES.contains(&size)
    }
}

macro_rules! aged {
    ($($name:ident: $ansi:expr, $wide:expr;)*) => { $(
        impl<C: crate::text::Unit> Aged for $name<C> {
            const SIZES: &'static [u32] = if size_of::<C>() == 1 { &$ansi } else { &$wide };
        }
        const _: () = {
            // The last version is the whole structure.
            let (ansi, wide) = ($name::<u8>::SIZES, $name::<u16>::SIZES);
            assert!(ansi[ansi.len() - 1] as usize == size_of::<$name<u8>>());
            assert!(wide[wide.len() - 1] as usize == size_of::<$name<u16>>());
        };
    )* };
}

// With 64-bit pointers; a 32-bit build has others.
#[cfg(target_pointer_width = "64")]
aged! {
    RasConn: [272, 416, 680, 696, 708, 724], [528, 820, 1344, 1360, 1372, 1388];
    RasConnStatus: [160, 288, 332], [304, 564, 608];
    RasEntryName: [264, 532], [520, 1048];
    RasDevInfo: [152], [296];
    RasDialParams: [1052, 1064, 1068, 1076], [2096, 2108, 2112, 2120];
    RasDialExtensions: [24, 44, 60], [24, 44, 60];
    RasCredentials: [540], [1068];
    RasSubEntry: [288], [564];
    RasEntry: ENTRY_A, ENTRY_W;
    RasStats: [60], [60];
    RasPppIp: [24, 40, 48], [40, 72, 80];
    RasPppIpV6: [28], [28];
    RasPhonebookDialog: [60], [60];
    RasEntryDialog: [304], [560];
    RasDialDialog: [48], [48];
}

const ENTRY_A: [u32; 7] = entry_sizes::<u8>();
const ENTRY_W: [u32; 7] = entry_sizes::<u16>();

/// The sizes of RASENTRY: each version ends where the fields of the next begin.
const fn entry_sizes<C: crate::text::Unit>() -> [u32; 7] {
    use std::mem::offset_of;
    [
        offset_of!(RasEntry<C>, sub_entries) as u32,
        offset_of!(RasEntry<C>, kind) as u32,
        offset_of!(RasEntry<C>, options_2) as u32,
        offset_of!(RasEntry<C>, dns_6) as u32,
        offset_of!(RasEntry<C>, address_6) as u32,
        offset_of!(RasEntry<C>, initiator) as u32,
        size_of::<RasEntry<C>>() as u32,
    ]
}
