//! The table of `librasapi32.so`; see [`mpr!`](crate::mpr).

/// The functions of `librasapi32.so`, handed to the macro `$make`. `super::signal` sets an event of the caller's.
#[macro_export]
macro_rules! rasapi32 {
    ($make:ident) => { $make! {
        both {
            partial "no dial is ever paused, a notifier is a function and not a window, extensions change nothing"
                RasDial(extensions: Ptr<RasDialExtensions<C>>, path: Str<C>, params: Ptr<RasDialParams<C>>, kind: u32, notifier: usize, place: Ptr<usize>) = $crate::ras::dial::dial;
            partial "returns when the line is free, not before" RasHangUp(handle: usize) = $crate::ras::hangup::hang_up;
            full "" RasEnumConnections(buffer: Ptr<RasConn<C>>, bytes: Ptr<u32>, count: Ptr<u32>) = $crate::ras::connections::enumerate;
            full "" RasGetConnectStatus(handle: usize, place: Ptr<RasConnStatus<C>>) = $crate::ras::connections::status;
            full "" RasGetSubEntryHandle(handle: usize, number: u32, place: Ptr<usize>) = $crate::ras::connections::sub_entry;
            full "" RasGetErrorString(code: u32, buffer: Ptr<C>, room: u32) = $crate::ras::errors::string;
            partial "a link has one line: bandwidth never changes" RasConnectionNotification(handle: usize, event: usize, flags: u32) = |handle, event, flags| $crate::ras::notify::register(handle, event, flags, super::signal);
            full "" RasEnumEntries(reserved: Str<C>, path: Str<C>, buffer: Ptr<RasEntryName<C>>, bytes: Ptr<u32>, count: Ptr<u32>) = $crate::ras::names::enumerate;
            full "" RasValidateEntryName(path: Str<C>, entry: Str<C>) = $crate::ras::names::validate;
            partial "a file of Windows is only read (624)" RasRenameEntry(path: Str<C>, from: Str<C>, to: Str<C>) = $crate::ras::names::rename;
            partial "a file of Windows is only read (624)" RasDeleteEntry(path: Str<C>, entry: Str<C>) = $crate::ras::names::delete;
            partial "no device-specific information" RasGetEntryProperties(path: Str<C>, entry: Str<C>, place: Ptr<RasEntry<C>>, size: Ptr<u32>, device: Ptr<u8>, device_size: Ptr<u32>) = $crate::ras::entries::get;
            partial "makes entries for modems, serial cables and TCP; others can be changed, not made" RasSetEntryProperties(path: Str<C>, entry: Str<C>, place: Ptr<RasEntry<C>>, size: u32, device: Ptr<u8>, device_size: u32) = $crate::ras::entries::set;
            partial "a saved password is given as asterisks" RasGetEntryDialParams(path: Str<C>, place: Ptr<RasDialParams<C>>, saved: Ptr<u32>) = $crate::ras::entries::dial_params;
            partial "a number does not become part of the entry; passwords belong to entries of the usual phone books (50)" RasSetEntryDialParams(path: Str<C>, place: Ptr<RasDialParams<C>>, remove: i32) = $crate::ras::entries::set_dial_params;
            partial "a saved password is given as asterisks" RasGetCredentials(path: Str<C>, entry: Str<C>, place: Ptr<RasCredentials<C>>) = $crate::ras::entries::credentials;
            partial "passwords belong to entries of the usual phone books (50)" RasSetCredentials(path: Str<C>, entry: Str<C>, place: Ptr<RasCredentials<C>>, clear: i32) = $crate::ras::entries::set_credentials;
            partial "an entry has one line" RasGetSubEntryProperties(path: Str<C>, entry: Str<C>, number: u32, place: Ptr<RasSubEntry<C>>, size: Ptr<u32>, device: Ptr<u8>, device_size: Ptr<u32>) = $crate::ras::entries::sub_entry;
            partial "an entry has one line" RasSetSubEntryProperties(path: Str<C>, entry: Str<C>, number: u32, place: Ptr<RasSubEntry<C>>, size: u32, device: Ptr<u8>, device_size: u32) = $crate::ras::entries::set_sub_entry;
            full "" RasEnumDevices(buffer: Ptr<RasDevInfo<C>>, bytes: Ptr<u32>, count: Ptr<u32>) = $crate::ras::devices::enumerate;
            partial "IPv4 and IPv6" RasGetProjectionInfo(handle: usize, protocol: u32, place: Ptr<u8>, size: Ptr<u32>) = $crate::ras::projection::get::<C>;
            partial "a selection of countries" RasGetCountryInfo(place: Ptr<RasCountryInfo<C>>, size: Ptr<u32>) = $crate::ras::country::get;
            partial "an entry has one line, which stays (50)" RasDeleteSubEntry(path: Str<C>, entry: Str<C>, number: u32) = $crate::ras::entries::delete_sub_entry;
            answered "780: no entry needs an identity" RasGetEapUserIdentity(path: Str<C>, entry: Str<C>, flags: u32, window: usize, identity: Ptr<Ptr<u8>>) = |_, _: Str<C>, _, _, identity| $crate::answered::no_identity(identity);
            answered "there is none to free" RasFreeEapUserIdentity(identity: Ptr<C>) = |_: Ptr<C>| Ok(());
            answered "FALSE, and 50 in dwError: no window is opened" RasPhonebookDlg(path: Str<C>, entry: Str<C>, info: Ptr<RasPhonebookDialog<C>>) = |_, _: Str<C>, info| $crate::ras::dialogs::phonebook(info);
            answered "FALSE, and 50 in dwError: no window is opened" RasEntryDlg(path: Str<C>, entry: Str<C>, info: Ptr<RasEntryDialog<C>>) = |_, _: Str<C>, info| $crate::ras::dialogs::entry(info);
            answered "FALSE, and 50 in dwError: RasDial dials without a window" RasDialDlg(path: Str<C>, entry: Str<C>, number: Str<C>, info: Ptr<RasDialDialog<u8>>) = |_, _, _: Str<C>, info| $crate::ras::dialogs::dial(info);
            answered "50" RasGetEapUserData(token: usize, path: Str<C>, entry: Str<C>, data: Ptr<u8>, size: Ptr<u32>) = |_, _, _: Str<C>, _, _| $crate::answered::not_supported();
            answered "50" RasSetEapUserData(token: usize, path: Str<C>, entry: Str<C>, data: Ptr<u8>, size: u32) = |_, _, _: Str<C>, _, _| $crate::answered::not_supported();
            answered "50" RasGetCustomAuthData(path: Str<C>, entry: Str<C>, data: Ptr<u8>, size: Ptr<u32>) = |_, _: Str<C>, _, _| $crate::answered::not_supported();
            answered "50" RasSetCustomAuthData(path: Str<C>, entry: Str<C>, data: Ptr<u8>, size: u32) = |_, _: Str<C>, _, _| $crate::answered::not_supported();
            answered "50: no window is opened" RasCreatePhonebookEntry(window: usize, path: Str<C>) = |_, _: Str<C>| $crate::answered::not_supported();
            answered "50: no window is opened" RasEditPhonebookEntry(window: usize, path: Str<C>, entry: Str<C>) = |_, _, _: Str<C>| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasGetAutodialAddress(address: Str<C>, reserved: Ptr<u32>, entries: Ptr<u8>, bytes: Ptr<u32>, count: Ptr<u32>) = |_: Str<C>, _, _, _, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasSetAutodialAddress(address: Str<C>, reserved: u32, entries: Ptr<u8>, bytes: u32, count: u32) = |_: Str<C>, _, _, _, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasEnumAutodialAddresses(addresses: Ptr<Str<C>>, bytes: Ptr<u32>, count: Ptr<u32>) = |_: Ptr<Str<C>>, _, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasGetAutodialEnable(location: u32, enabled: Ptr<u32>) = |_, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasSetAutodialEnable(location: u32, enabled: i32) = |_, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasGetAutodialParam(key: u32, value: Ptr<u8>, size: Ptr<u32>) = |_, _, _| $crate::answered::not_supported();
            answered "50: nothing is dialled by itself" RasSetAutodialParam(key: u32, value: Ptr<u8>, size: u32) = |_, _, _| $crate::answered::not_supported();
        }
        one {
            partial "octets, packets and time; errors of the line are not counted" RasGetConnectionStatistics(handle: usize, place: Ptr<RasStats<u8>>) = $crate::ras::statistics::connection;
            partial "octets, packets and time; errors of the line are not counted" RasGetLinkStatistics(handle: usize, number: u32, place: Ptr<RasStats<u8>>) = $crate::ras::statistics::link;
            partial "for the calling process" RasClearConnectionStatistics(handle: usize) = $crate::ras::statistics::clear;
            partial "for the calling process" RasClearLinkStatistics(handle: usize, number: u32) = $crate::ras::statistics::clear_link;
            partial "addresses; in the form for PPP, whatever the link is" RasGetProjectionInfoEx(handle: usize, info: Ptr<RasProjection<u8>>, size: Ptr<u32>) = $crate::ras::projection::get_ex;
            answered "50" RasUpdateConnection(handle: usize, update: Ptr<u8>) = |_, _| $crate::answered::not_supported();
            answered "50" RasGetNapStatus(handle: usize, state: Ptr<u8>) = |_, _| $crate::answered::not_supported();
            answered "50" RasInvokeEapUI(handle: usize, number: u32, extensions: Ptr<u8>, window: usize) = |_, _, _, _| $crate::answered::not_supported();
        }
    } };
}
