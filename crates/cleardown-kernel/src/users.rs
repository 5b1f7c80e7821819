//! Names of users.

use std::collections::HashMap;

/// The local users' names.
///
/// Only from `/etc/passwd`: the name service may ask the network, and a list must never wait for that.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<u32, String>);

impl Users {
    pub(crate) fn read() -> Self {
        Users::parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    fn parse(passwd: &str) -> Self {
        let user = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            Some((fields.nth(1)?.parse().ok()?, name))
        };
        // The first name of a uid is its name; later ones are aliases.
        let mut users = HashMap::new();
        for (uid, name) in passwd.lines().filter_map(user) {
            users.entry(uid).or_insert(name);
        }
        Users(users)
    }

    /// The user's name, or the number.
    pub(crate) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

/// The name of a local user, or the number when `/etc/passwd` has none.
pub fn user_name(uid: u32) -> String {
    Users::read().name(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts_and_nonsense_does_not() {
        let users = Users::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0:::\nbroken\neve:x:1000:\n");
        assert_eq!(users.name(0), "root");
        assert_eq!(users.name(1000), "eve");
        assert_eq!(users.name(7), "7");
    }
}
