//! Our lines in resolv.conf(5): text in, text out.
//!
//! What stands in the file stays, byte for byte, and our lines stand around it, marked. So they can be taken out again
//! whatever others have written meanwhile. Name servers come first, for the first one is asked first; the search
//! list comes last, for the last one counts, and repeats what the file says.

use super::Dns;

const MADE: &str = "# cleardown: there was no file";
const HEAD: &str = "# cleardown: the name servers of ";
const FOOT: &str = "# cleardown: the search list";
/// After [`FOOT`]: the text before it did not end its last line.
const JOINED: &str = " and the line end before it";
const DOMAINS: &str = "# search ";

/// A file, taken apart into what is ours and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// There was no file before us.
    pub(super) made: bool,
    /// Our links' lines, the latest first.
    links: Vec<Link>,
    /// Everything else.
    pub(super) rest: Vec<u8>,
}

/// One link's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    /// `name/index`.
    key: String,
    servers: Vec<String>,
    search: Vec<String>,
}

impl Parts {
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut parts = Parts::default();
        let mut joined_at = None;
        let mut lines = text.split_inclusive(|b| *b == b'\n').map(|line| (line, plain(line))).peekable();
        while let Some((line, text)) = lines.next() {
            if text == MADE {
                parts.made = true;
            } else if let Some((mut link, count)) = text.strip_prefix(HEAD).and_then(Link::parse) {
                // Others may have cut our lines.
                for _ in 0..count {
                    lines.next_if(|(_, text)| link.take(text));
                }
                parts.links.push(link);
            } else if let Some(mark) = text.strip_prefix(FOOT) {
                lines.next_if(|(_, text)| text.starts_with("search "));
                joined_at = (mark == JOINED).then_some(parts.rest.len());
            } else {
                parts.rest.extend_from_slice(line);
            }
        }
        // What others have added behind our lines keeps its line.
        if joined_at == Some(parts.rest.len()) && parts.rest.ends_with(b"\n") {
            parts.rest.pop();
        }
        parts
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let mut head = String::new();
        if self.made {
            head += &format!("{MADE}\n");
        }
        for link in &self.links {
            head += &link.render();
        }
        let search = self.search();
        let foot = match (search.is_empty(), self.rest.last()) {
            (true, _) => String::new(),
            (false, None | Some(b'\n')) => format!("{FOOT}\nsearch {}\n", search.join(" ")),
            (false, Some(_)) => format!("\n{FOOT}{JOINED}\nsearch {}\n", search.join(" ")),
        };
        [head.as_bytes(), &self.rest, foot.as_bytes()].concat()
    }

    /// With these name servers first; what the link had before is replaced.
    #[must_use]
    pub(super) fn with(self, dns: &Dns) -> Self {
        let servers = dns.servers.iter().map(ToString::to_string).collect();
        let mut parts = self.without(dns);
        parts.links.insert(0, Link { key: key(dns), servers, search: dns.search.clone() });
        parts
    }

    #[must_use]
    pub(super) fn without(mut self, dns: &Dns) -> Self {
        self.links.retain(|link| link.key != key(dns));
        self
    }

    pub(super) fn has(&self, dns: &Dns) -> bool {
        self.links.iter().any(|link| link.key == key(dns))
    }

    /// Without the links that this says no to.
    #[must_use]
    pub(super) fn retain(mut self, keep: impl Fn(&str, u32) -> bool) -> Self {
        self.links.retain(|link| {
            let parsed = link.key.split_once('/').and_then(|(name, index)| Some((name, index.parse().ok()?)));
            parsed.is_some_and(|(name, index)| keep(name, index))
        });
        self
    }

    /// Nothing of ours is left, but perhaps the knowledge that we made the file.
    pub(super) fn is_free(&self) -> bool {
        self.links.is_empty()
    }

    /// Our links' domains and then those of the file; none when ours are none.
    fn search(&self) -> Vec<String> {
        let ours: Vec<String> = self.links.iter().flat_map(|link| link.search.iter().cloned()).collect();
        if ours.is_empty() {
            return ours;
        }
        let rest = String::from_utf8_lossy(&self.rest);
        let theirs = rest.lines().rev().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            matches!(words.next(), Some("search" | "domain")).then_some(words)
        });
        let mut all: Vec<String> = Vec::new();
        for domain in ours.into_iter().chain(theirs.into_iter().flatten().map(str::to_owned)) {
            if !all.contains(&domain) {
                all.push(domain);
            }
        }
        all
    }
}

impl Link {
    /// The rest of a head: `name/index, n lines`; the link, still empty, and its number of lines.
    fn parse(head: &str) -> Option<(Self, usize)> {
        let (key, count) = head.split_once(", ")?;
        let count = count.strip_suffix(" lines")?.parse().ok()?;
        Some((Link { key: key.to_owned(), servers: Vec::new(), search: Vec::new() }, count))
    }

    /// Takes one of its lines; false when it is none.
    fn take(&mut self, line: &str) -> bool {
        if let Some(server) = line.strip_prefix("nameserver ") {
            self.servers.push(server.to_owned());
        } else if let Some(domains) = line.strip_prefix(DOMAINS) {
            self.search.extend(domains.split(' ').map(str::to_owned));
        } else {
            return false;
        }
        true
    }

    fn render(&self) -> String {
        let count = self.servers.len() + usize::from(!self.search.is_empty());
        let mut text = format!("{HEAD}{}, {count} lines\n", self.key);
        text.extend(self.servers.iter().map(|server| format!("nameserver {server}\n")));
        if !self.search.is_empty() {
            text += &format!("{DOMAINS}{}\n", self.search.join(" "));
        }
        text
    }
}

/// Names are used again, indexes are not.
fn key(dns: &Dns) -> String {
    format!("{}/{}", dns.interface.name, dns.interface.index)
}

/// A line without its end; empty where it is no text.
fn plain(line: &[u8]) -> &str {
    let text = std::str::from_utf8(line).unwrap_or_default();
    text.strip_suffix('\n').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Interface, Method};
    use super::*;

    fn dns(index: u32, servers: &[&str], search: &[&str]) -> Dns {
        Dns {
            interface: Interface { index, name: format!("cd{index}") },
            method: Method::File { path: "/x".into(), file: "/x".into() },
            servers: servers.iter().map(|server| server.parse().unwrap()).collect(),
            search: search.iter().map(|&domain| domain.to_owned()).collect(),
            takes_all: false,
        }
    }

    fn shown(parts: &Parts) -> String {
        String::from_utf8(parts.render()).unwrap()
    }

    #[test]
    fn our_servers_come_first_and_our_domains_count() {
        let parts = Parts::parse(b"# mine\nnameserver 192.0.2.1\nsearch home.example\noptions edns0");
        let parts = parts.with(&dns(7, &["198.51.100.1", "2001:db8::1"], &["corp.example", "home.example"]));
        assert_eq!(
            shown(&parts),
            "# cleardown: the name servers of cd7/7, 3 lines\n\
             nameserver 198.51.100.1\n\
             nameserver 2001:db8::1\n\
             # search corp.example home.example\n\
             # mine\n\
             nameserver 192.0.2.1\n\
             search home.example\n\
             options edns0\n\
             # cleardown: the search list and the line end before it\n\
             search corp.example home.example\n"
        );
        assert_eq!(Parts::parse(&parts.render()), parts);
    }

    #[test]
    fn what_others_wrote_meanwhile_stays() {
        let link = dns(7, &["198.51.100.1"], &["corp.example"]);
        let mut text = Parts::parse(b"nameserver 192.0.2.1").with(&link).render();
        text.splice(0..0, b"# new at the top\n".iter().copied());
        text.extend_from_slice(b"options rotate\n");
        let parts = Parts::parse(&text).without(&link);
        assert_eq!(shown(&parts), "# new at the top\nnameserver 192.0.2.1\noptions rotate\n");
    }

    #[test]
    fn cut_lines_of_ours_do_not_take_others_with_them() {
        let text = "# cleardown: the name servers of cd7/7, 2 lines\noptions rotate\nnameserver 192.0.2.1\n";
        let parts = Parts::parse(text.as_bytes()).without(&dns(7, &[], &[]));
        assert_eq!(shown(&parts), "options rotate\nnameserver 192.0.2.1\n");
    }

    proptest! {
        /// Links come in any order and go in any order: the file is as before, byte for byte.
        #[test]
        fn the_last_link_leaves_the_file_as_it_was(
            text in "([a-z #.0-9]{0,12}\r?\n){0,4}[a-z #]{0,6}",
            comings in proptest::collection::vec((0u32..4, 0usize..3, 0usize..3), 1..8),
            goings in Just(vec![0u32, 1, 2, 3]).prop_shuffle(),
        ) {
            let mut bytes = text.clone().into_bytes();
            for (index, servers, domains) in comings {
                let link = dns(
                    index,
                    &["192.0.2.9", "2001:db8::9"][..servers],
                    &["a.example", "b.example"][..domains],
                );
                bytes = Parts::parse(&bytes).with(&link).render();
                prop_assert!(Parts::parse(&bytes).has(&link));
            }
            for index in goings {
                bytes = Parts::parse(&bytes).without(&dns(index, &[], &[])).render();
            }
            prop_assert_eq!(bytes, text.into_bytes());
        }

        #[test]
        fn nonsense_is_kept(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Parts::parse(&bytes).render(), bytes);
        }
    }
}
