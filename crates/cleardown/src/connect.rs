//! Which daemons a command talks to, and which of them a name belongs to.

use std::collections::BTreeSet;

use cleardown_client::{Client, Instance, Start};
use cleardown_core::link::EntryName;
use cleardown_core::view::{Connection, Kind};
use cleardown_core::{ErrorKind, LocalName, Remote, Result};

/// The caller's own instance, started if it does not run.
pub(crate) async fn own() -> Result<Client> {
    Client::connect(Instance::User, Start::OnDemand).await
}

/// The caller's own instance first, started if it does not run, then the others that run and can be seen.
pub(crate) async fn all() -> Result<Vec<Client>> {
    let mut found = Client::all().await.into_iter().map(|(_, client)| client);
    let own = match found.next() {
        Some(own) => own?,
        None => own().await?,
    };
    Ok(std::iter::once(own).chain(found.flatten()).collect())
}

/// The daemon that may change the network: root's own, and for anybody else the system's. In a world of its own (a run-time
/// directory that was moved) it is the one that is there.
pub(crate) async fn links() -> Result<Client> {
    let moved = std::env::var_os("CLEARDOWN_RUNTIME_DIR").is_some();
    if moved || rustix::process::geteuid().is_root() {
        return own().await;
    }
    let system = Client::connect(Instance::System, Start::Never).await;
    system
        .map_err(|error| error.because("links need the system's daemon: as root, systemctl start cleardownd"))
}

/// A name as a user gives it: `z:`, a remote name, or with its owner in front, `eve/z:`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted<'a> {
    owner: Option<&'a str>,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Wanted<'a> {
        match text.split_once('/') {
            Some((owner, name)) if !owner.is_empty() && is_name(name) => Wanted { owner: Some(owner), name },
            _ => Wanted { owner: None, name: text },
        }
    }

    fn fits(&self, connection: &Connection) -> bool {
        let same = match connection.kind {
            Kind::Link => same_link(self.name, connection),
            Kind::Drive | Kind::Deviceless => same_name(self.name, &connection.name),
        };
        same && self.owner.is_none_or(|owner| owner == connection.owner)
    }
}

/// The name of a drive or of a link; a remote name is neither.
fn is_name(text: &str) -> bool {
    text.parse::<LocalName>().is_ok() || text.parse::<EntryName>().is_ok()
}

/// The name of its entry without regard to case, or its handle (`#7`).
fn same_link(text: &str, connection: &Connection) -> bool {
    let handle = connection.link.as_ref().is_some_and(|link| text == format!("#{}", link.handle));
    handle || same_entry(text, &connection.name) || text == connection.name
}

fn same_entry(a: &str, b: &str) -> bool {
    matches!((a.parse::<EntryName>(), b.parse::<EntryName>()), (Ok(a), Ok(b)) if a == b)
}

/// Local names are equal without regard to case and colon, remote names when they are the same place.
fn same_name(a: &str, b: &str) -> bool {
    if let (Ok(a), Ok(b)) = (a.parse::<LocalName>(), b.parse::<LocalName>()) {
        return a == b;
    }
    match (a.parse::<Remote>(), b.parse::<Remote>()) {
        (Ok(a), Ok(b)) => a.same_place(&b),
        _ => a == b,
    }
}

/// Which of the words on a command line names a connection or what was no connection: the first that does. A handle
/// (`#7`) may name anything that no other word does.
pub(crate) fn place_of(words: &[String], name: &str) -> usize {
    let fits = |word: &String| {
        let word = Wanted::parse(word).name;
        same_name(word, name) || same_entry(word, name)
    };
    let place = words.iter().position(fits).or_else(|| words.iter().position(|word| word.starts_with('#')));
    place.unwrap_or(words.len())
}

/// Names sorted by the daemon that has them; a name that nobody has goes to the caller's own, which says so.
pub(crate) async fn owners_of(names: &[String]) -> Result<Vec<(Client, Vec<String>)>> {
    let clients = all().await?;
    if let [only] = clients.as_slice() {
        let plain = names.iter().map(|name| Wanted::parse(name).name.to_owned()).collect();
        return Ok(vec![(only.clone(), plain)]);
    }
    let mut lists = Vec::with_capacity(clients.len());
    for client in &clients {
        // One that fails here is asked again for its own names, and then its error is the answer.
        lists.push(client.list(true, false).await.unwrap_or_default());
    }
    let mut sorted: Vec<(Client, Vec<String>)> =
        clients.into_iter().map(|client| (client, Vec::new())).collect();
    for name in names {
        let wanted = Wanted::parse(name);
        sorted[place(&wanted, &lists)?].1.push(wanted.name.to_owned());
    }
    sorted.retain(|(_, names)| !names.is_empty());
    Ok(sorted)
}

/// The one daemon that has this name.
pub(crate) async fn owner_of(name: &str) -> Result<(Client, String)> {
    let sorted = owners_of(&[name.to_owned()]).await?;
    let found = sorted.into_iter().find_map(|(client, names)| Some((client, names.into_iter().next()?)));
    found.ok_or_else(|| ErrorKind::NotConnected(name.to_owned()).into())
}

/// The index of the list that has the name: the caller's own (the first) before any other.
fn place(wanted: &Wanted<'_>, lists: &[Vec<Connection>]) -> Result<usize> {
    let has = |list: &Vec<Connection>| list.iter().any(|connection| wanted.fits(connection));
    let places: Vec<usize> = (0..lists.len()).filter(|i| has(&lists[*i])).collect();
    match places.as_slice() {
        [] if wanted.owner.is_some() => Err(ErrorKind::NotConnected(wanted.name.to_owned()).into()),
        [] | [0, ..] => Ok(0),
        [one] => Ok(*one),
        several => {
            let all = several.iter().flat_map(|i| &lists[*i]).filter(|c| wanted.fits(c));
            let choices: BTreeSet<String> = all.map(|c| format!("{}/{}", c.owner, c.name)).collect();
            let choices = choices.into_iter().collect::<Vec<_>>().join(" or ");
            Err(ErrorKind::BadParameter(format!("several users have {}: write {choices}", wanted.name))
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::connection;

    fn of(owner: &str, name: &str) -> Connection {
        Connection { owner: owner.into(), ..connection(name, "//fs1/x") }
    }

    #[test]
    fn a_name_belongs_to_the_caller_first() {
        let lists = [vec![of("root", "z:")], vec![of("eve", "Z:"), of("eve", "y:")], vec![of("bob", "Y")]];
        let at = |text: &str| place(&Wanted::parse(text), &lists);
        assert_eq!(at("z").unwrap(), 0);
        assert_eq!(at("eve/z:").unwrap(), 1);
        assert_eq!(at("bob/y:").unwrap(), 2);
        assert_eq!(at("x:").unwrap(), 0, "the caller's own daemon says that it is not connected");
        assert_eq!(at("eve/x:").unwrap_err().exit() as u8, 4);
        insta::assert_snapshot!(at("y:").unwrap_err(), @r#"
        several users have y:: write bob/Y or eve/y:
        "#);
    }

    #[test]
    fn what_was_named_has_its_place_on_the_command_line() {
        let words = ["eve/z:", r"\\fs1\x", "Office", "#7"].map(str::to_owned);
        for (name, place) in [("Z", 0), ("//FS1/x", 1), ("office", 2), ("branch", 3)] {
            assert_eq!(place_of(&words, name), place, "{name}");
        }
        assert_eq!(place_of(&words[..3], "y:"), 3, "a drive that goes with its link");
    }

    #[test]
    fn remote_names_are_no_owners() {
        assert_eq!(Wanted::parse("//fs1/z").owner, None);
        assert_eq!(Wanted::parse("smb://fs1/z").owner, None);
        assert_eq!(Wanted::parse(r"\\fs1\z").owner, None);
        assert!(same_name(r"\\FS1\X", "//fs1/x"));
    }
}
