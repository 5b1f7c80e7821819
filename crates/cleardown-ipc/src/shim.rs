//! The bus that is not there: the `org.freedesktop.DBus` methods that unmodified D-Bus tools call on a private
//! socket as if a bus were behind it.

use serde_json::Value;
use zbus::wire::Signature;
use zbus::{Array, Dict, Message, OwnedMatchRule, Variant};

use crate::dispatch::{Fault, Reply};
use crate::names::BUS_NAME;
use crate::service::Caller;

/// A client may have this many match rules.
const MOST_RULES: usize = 256;
/// The longest of them, in bytes, as on a bus (`DBUS_MAXIMUM_MATCH_RULE_LENGTH`).
const LONGEST_RULE: usize = 1024;

/// What the shim remembers of one client.
#[derive(Debug)]
pub(crate) struct Session {
    /// The client's unique name.
    name: String,
    caller: Caller,
    rules: Vec<(String, OwnedMatchRule)>,
}

impl Session {
    pub(crate) fn new(number: u64, caller: Caller) -> Self {
        Session { name: format!(":1.{number}"), caller, rules: Vec::new() }
    }

    /// True when the client wants any signals.
    pub(crate) fn listens(&self) -> bool {
        !self.rules.is_empty()
    }

    /// True when the client wants this signal.
    pub(crate) fn wants(&self, signal: &Message) -> bool {
        self.rules.iter().any(|(_, rule)| rule.matches(signal).unwrap_or(false))
    }

    /// Answers a method of the bus.
    pub(crate) fn call(&mut self, member: &str, args: &[Value], guid: &str) -> Reply {
        let arg = args.first().and_then(Value::as_str).unwrap_or_default();
        Ok(match member {
            "Hello" => vec![self.name.clone().into()],
            "GetId" => vec![guid.to_owned().into()],
            "ListNames" => vec![strings(&["org.freedesktop.DBus", BUS_NAME, &self.name])],
            "ListActivatableNames" => vec![strings(&["org.freedesktop.DBus"])],
            "ListQueuedOwners" => vec![strings(&[self.owner(arg)?])],
            "NameHasOwner" => vec![Variant::Bool(self.owner(arg).is_ok())],
            "GetNameOwner" => vec![self.owner(arg)?.to_owned().into()],
            "GetConnectionUnixUser" => vec![Variant::U32(self.credentials(arg)?.0)],
            "GetConnectionUnixProcessID" => vec![Variant::U32(self.credentials(arg)?.1)],
            "GetConnectionCredentials" => vec![credentials(self.credentials(arg)?).into()],
            "StartServiceByName" => vec![Variant::U32(2)],
            "RequestName" | "ReleaseName" => {
                return Err(Fault::bus("AccessDenied", "there are no names to own on this socket"));
            }
            "AddMatch" => {
                self.add_rule(arg)?;
                Vec::new()
            }
            "BecomeMonitor" => {
                let rules = args.first().and_then(Value::as_array).cloned().unwrap_or_default();
                for rule in rules.iter().filter_map(Value::as_str) {
                    self.add_rule(rule)?;
                }
                if rules.is_empty() {
                    self.add_rule("")?;
                }
                Vec::new()
            }
            "RemoveMatch" => {
                let found = self.rules.iter().position(|(text, _)| text == arg);
                let found = found.ok_or_else(|| Fault::bus("MatchRuleNotFound", "no such rule"))?;
                self.rules.swap_remove(found);
                Vec::new()
            }
            _ => return Err(Fault::unknown_method(member)),
        })
    }

    fn add_rule(&mut self, text: &str) -> Result<(), Fault> {
        if self.rules.len() >= MOST_RULES || text.len() > LONGEST_RULE {
            return Err(Fault::bus("LimitsExceeded", "too many match rules, or one that is too long"));
        }
        // There is one sender on this socket, and its messages do not name it.
        let parts = text.split(',').filter(|part| !part.trim_start().starts_with("sender="));
        let plain = parts.collect::<Vec<_>>().join(",");
        let rule = OwnedMatchRule::try_from(plain.as_str());
        let rule = rule.map_err(|_| Fault::bus("MatchRuleInvalid", "the match rule is not understood"))?;
        self.rules.push((text.to_owned(), rule));
        Ok(())
    }

    fn owner<'a>(&'a self, name: &'a str) -> Result<&'a str, Fault> {
        match name {
            "org.freedesktop.DBus" | BUS_NAME => Ok(name_of_daemon(name)),
            DAEMON => Ok(DAEMON),
            _ if name == self.name => Ok(name),
            _ => Err(Fault::bus("NameHasNoOwner", "nobody has that name")),
        }
    }

    /// User and process of the owner of a name.
    fn credentials(&self, name: &str) -> Result<(u32, u32), Fault> {
        if name == self.name {
            return Ok((self.caller.uid, self.caller.pid.unwrap_or_default()));
        }
        self.owner(name)?;
        Ok((rustix::process::geteuid().as_raw(), std::process::id()))
    }
}

/// The daemon's unique name.
const DAEMON: &str = ":1.0";

fn name_of_daemon(name: &str) -> &str {
    if name == BUS_NAME { DAEMON } else { name }
}

fn strings(items: &[&str]) -> Variant<'static> {
    let items: Vec<String> = items.iter().map(|s| (*s).to_owned()).collect();
    Array::from(items).into()
}

fn credentials((uid, pid): (u32, u32)) -> Dict<'static, 'static> {
    let mut dict = Dict::new(&Signature::Str, &Signature::Variant);
    for (name, id) in [("UnixUserID", uid), ("ProcessID", pid)] {
        let fits = dict.append(Variant::from(name), Variant::Variant(Box::new(Variant::U32(id))));
        debug_assert!(fits.is_ok());
    }
    dict
}
