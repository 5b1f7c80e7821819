//! The states of a dial, with the numbers that Windows programs know.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $words:literal;)*) => {
        /// A state of `RASCONNSTATE` (`ras.h`). Their order is the usual one and not promised.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u32)]
        pub enum RasState { $($(#[$doc])* $name = $value,)* }

        impl RasState {
            /// The number in `ras.h`.
            pub fn number(self) -> u32 {
                self as u32
            }

            /// The state with this number.
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($value => Some(RasState::$name),)* _ => None }
            }

            /// Whether somebody at the other end has spoken the protocol of the link.
            pub fn has_peer(self) -> bool {
                use RasState::*;
                !matches!(
                    self,
                    OpenPort
                        | PortOpened
                        | ConnectDevice
                        | DeviceConnected
                        | AllDevicesConnected
                        | WaitForModemReset
                        | Disconnected
                )
            }
        }

        impl fmt::Display for RasState {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(RasState::$name => $words,)* })
            }
        }
    };
}

states! {
    /// The line is being opened.
    OpenPort = 0, "opening the port";
    /// The line is open.
    PortOpened = 1, "port opened";
    /// The device connects: a modem dials, a socket connects, a tunnel shakes hands.
    ConnectDevice = 2, "connecting the device";
    /// The device is connected.
    DeviceConnected = 3, "device connected";
    /// All devices on the way are connected.
    AllDevicesConnected = 4, "all devices connected";
    /// Authentication begins.
    Authenticate = 5, "authenticating";
    /// Something about authentication happened.
    AuthNotify = 6, "authentication news";
    /// The peer lets us try again.
    AuthRetry = 7, "authenticating again";
    /// The peer wants to call back.
    AuthCallback = 8, "asking for callback";
    /// The peer wants another password.
    AuthChangePassword = 9, "changing the password";
    /// Network protocols negotiate.
    AuthProject = 10, "agreeing on network protocols";
    /// The speed of the link is being found out.
    AuthLinkSpeed = 11, "measuring the link";
    /// The peer acknowledges the authentication.
    AuthAck = 12, "authentication acknowledged";
    /// Authentication again, after callback.
    ReAuthenticate = 13, "authenticating after callback";
    /// The peer knows us.
    Authenticated = 14, "authenticated";
    /// The line is about to be given back for callback.
    PrepareForCallback = 15, "preparing for callback";
    /// The device is getting back to rest; the next dial has to wait for it.
    WaitForModemReset = 16, "waiting for the device to reset";
    /// Waiting to be called back.
    WaitForCallback = 17, "waiting for callback";
    /// Network protocols are agreed on.
    Projected = 18, "network protocols agreed";
    /// User authentication begins.
    StartAuthentication = 19, "starting authentication";
    /// Callback is done.
    CallbackComplete = 20, "callback complete";
    /// Logging on to the network.
    LogonNetwork = 21, "logging on to the network";
    /// A part of a multilink is connected.
    SubEntryConnected = 22, "sub-entry connected";
    /// A part of a multilink is disconnected.
    SubEntryDisconnected = 23, "sub-entry disconnected";
    /// Addresses, routes and name servers are being set.
    ApplySettings = 24, "setting addresses, routes and name servers";
    /// In use.
    Connected = 0x2000, "connected";
    /// Over.
    Disconnected = 0x2001, "disconnected";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in 0..0x3000 {
            if let Some(state) = RasState::from_number(number) {
                assert_eq!(state.number(), number);
            }
        }
        assert_eq!(RasState::from_number(0x2000), Some(RasState::Connected));
        assert_eq!(RasState::from_number(25), None);
    }
}
