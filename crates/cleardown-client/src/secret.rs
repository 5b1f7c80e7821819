//! A password on its way to the daemon.

use std::fmt;

use zeroize::Zeroizing;

/// A password. It is wiped when dropped, never shown, and travels as a descriptor.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a password.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
