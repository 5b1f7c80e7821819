//! The tables: each function of the C libraries with its parameters, what it does, and how far it goes (`full`; `partial`, with
//! what differs; `answered`: a documented answer and nothing else).

/// The functions of `libmpr.so`, handed to the macro `$make`.
#[macro_export]
macro_rules! mpr {
    ($make:ident) => { $make! {
        both {
            full "" WNetAddConnection(remote: Str<C>, password: Str<C>, local: Str<C>) = $crate::wnet::add::add;
            partial "no window is opened; CONNECT_INTERACTIVE and CONNECT_PROMPT change nothing; flags that demand protection are refused (87)"
                WNetAddConnection2(resource: Ptr<NetResource<C>>, password: Str<C>, user: Str<C>, flags: u32) = $crate::wnet::add::add_2;
            partial "as WNetAddConnection2"
                WNetAddConnection3(window: usize, resource: Ptr<NetResource<C>>, password: Str<C>, user: Str<C>, flags: u32) = $crate::wnet::add::add_3;
            partial "as WNetAddConnection2"
                WNetUseConnection(window: usize, resource: Ptr<NetResource<C>>, password: Str<C>, user: Str<C>, flags: u32, access_name: Ptr<C>, size: Ptr<u32>, result: Ptr<u32>) = $crate::wnet::add::use_connection;
            partial "as WNetAddConnection2; a packed credential and options are not supported (50)"
                WNetAddConnection4(window: usize, resource: Ptr<NetResource<C>>, credential: Ptr<u8>, credential_size: u32, flags: u32, options: Ptr<u8>, options_size: u32) = $crate::wnet::add::add_4;
            partial "as WNetAddConnection4"
                WNetUseConnection4(window: usize, resource: Ptr<NetResource<C>>, credential: Ptr<u8>, credential_size: u32, flags: u32, options: Ptr<u8>, options_size: u32, access_name: Ptr<C>, size: Ptr<u32>, result: Ptr<u32>) = $crate::wnet::add::use_connection_4;
            full "" WNetCancelConnection(name: Str<C>, force: i32) = $crate::wnet::cancel::cancel;
            full "" WNetCancelConnection2(name: Str<C>, flags: u32, force: i32) = $crate::wnet::cancel::cancel_2;
            full "" WNetGetConnection(local: Str<C>, remote: Ptr<C>, size: Ptr<u32>) = $crate::wnet::connection::remote_of;
            full "" WNetGetUser(name: Str<C>, user: Ptr<C>, size: Ptr<u32>) = $crate::wnet::connection::user_of;
            full "" WNetGetLastError(code: Ptr<u32>, text: Ptr<C>, text_size: u32, provider: Ptr<C>, provider_size: u32) = $crate::last::get;
            full "" WNetSetLastError(code: u32, text: Str<C>, providers: Str<C>) = $crate::last::put;
            partial "RESOURCE_RECENT is empty; nobody announces servers: those of the network are the ones that are connected or remembered; the folders of an SFTP server likewise"
                WNetOpenEnum(scope: u32, kind: u32, usage: u32, resource: Ptr<NetResource<C>>, handle: Ptr<usize>) = $crate::wnet::enumerate::open;
            full "" WNetEnumResource(handle: usize, count: Ptr<u32>, buffer: Ptr<NetResource<C>>, size: Ptr<u32>) = $crate::wnet::enumerate::next;
            full "" WNetRestoreConnection(window: usize, device: Str<C>) = $crate::wnet::restore::restore;
            full "" WNetGetUniversalName(path: Str<C>, level: u32, buffer: Ptr<u8>, size: Ptr<u32>) = $crate::wnet::universal::universal;
            partial "goes by the name; the server is not asked"
                WNetGetResourceInformation(resource: Ptr<NetResource<C>>, buffer: Ptr<NetResource<C>>, size: Ptr<u32>, rest: Ptr<Str<C>>) = $crate::wnet::resource::information;
            partial "goes by the name; the server is not asked"
                WNetGetResourceParent(resource: Ptr<NetResource<C>>, buffer: Ptr<NetResource<C>>, size: Ptr<u32>) = $crate::wnet::resource::parent;
            full "" WNetGetProviderName(net_type: u32, name: Ptr<C>, size: Ptr<u32>) = $crate::wnet::network::provider_name;
            full "" WNetGetNetworkInformation(provider: Str<C>, info: Ptr<NetInfo<C>>) = $crate::wnet::network::information;
            partial "no window: connects what is given; -1 where the user would have to choose"
                WNetConnectionDialog1(dialog: Ptr<ConnectDialog<C>>) = $crate::wnet::dialog::connect;
            partial "no window: 1223 where the user would be asked whether to force"
                WNetDisconnectDialog1(dialog: Ptr<DisconnectDialog<C>>) = $crate::wnet::dialog::disconnect;
            partial "flags only: speed and delay are not measured"
                MultinetGetConnectionPerformance(resource: Ptr<NetResource<C>>, info: Ptr<NetConnectInfo<C>>) = $crate::wnet::network::performance;
        }
        one {
            full "" WNetCloseEnum(handle: usize) = $crate::wnet::enumerate::close;
            full "" WNetClearConnections(window: usize) = $crate::wnet::cancel::clear;
            answered "no window is opened: -1" WNetConnectionDialog(window: usize, kind: u32) = $crate::wnet::dialog::nobody;
            answered "no window is opened: -1" WNetDisconnectDialog(window: usize, kind: u32) = $crate::wnet::dialog::nobody;
            answered "50" WNetCachePassword(resource: Str<u8>, resource_size: u16, password: Str<u8>, password_size: u16, kind: u8, flags: u32) = |_, _, _, _, _, _| $crate::answered::not_supported();
            answered "50" WNetGetCachedPassword(resource: Str<u8>, resource_size: u16, password: Ptr<u8>, password_size: Ptr<u16>, kind: u8) = |_, _, _, _, _| $crate::answered::not_supported();
            answered "50" WNetRemoveCachedPassword(resource: Str<u8>, resource_size: u16, kind: u8) = |_, _, _| $crate::answered::not_supported();
            answered "50" WNetEnumCachedPasswords(prefix: Str<u8>, prefix_size: u16, kind: u8, callback: usize, parameter: u32) = |_, _, _, _, _| $crate::answered::not_supported();
        }
    } };
}
