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

/// The primary group of a local user, and all groups (also from `/etc/group` alone); none when there is no such user.
pub fn groups(uid: u32) -> Option<(u32, Vec<u32>)> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    groups_in(&read("/etc/passwd"), &read("/etc/group"), uid)
}

/// Whether a local user is in one of these groups.
pub fn is_in_group(uid: u32, names: &[&str]) -> bool {
    let Some((_, all)) = groups(uid) else { return false };
    let group = std::fs::read_to_string("/etc/group").unwrap_or_default();
    group.lines().any(|line| {
        let mut fields = line.split(':');
        let named = fields.next().is_some_and(|name| names.contains(&name));
        named && fields.nth(1).and_then(|gid| gid.parse().ok()).is_some_and(|gid: u32| all.contains(&gid))
    })
}

fn groups_in(passwd: &str, group: &str, uid: u32) -> Option<(u32, Vec<u32>)> {
    let (name, gid) = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let same = fields.get(2)?.parse::<u32>().ok()? == uid;
        same.then_some((*fields.first()?, fields.get(3)?.parse::<u32>().ok()?))
    })?;
    let others = group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let member = fields.get(3)?.split(',').any(|member| member == name);
        member.then_some(fields.get(2)?.parse::<u32>().ok()?)
    });
    let mut all: Vec<u32> = std::iter::once(gid).chain(others).collect();
    all.sort_unstable();
    all.dedup();
    Some((gid, all))
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

    #[test]
    fn a_user_has_the_groups_of_a_login() {
        let passwd = "root:x:0:0::/root:/bin/sh\neve:x:1000:100:::\nbroken\n";
        let group = "users:x:100:\ndialout:x:20:eve,bob\nwheel:x:10:bob\nbroken\n";
        assert_eq!(groups_in(passwd, group, 1000), Some((100, vec![20, 100])));
        assert_eq!(groups_in(passwd, group, 7), None);
    }
}
