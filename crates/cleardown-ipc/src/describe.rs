//! Introspection: what the objects look like, for `busctl tree`, `busctl introspect` and `gdbus introspect`.

use std::fmt::Write;

use cleardown_core::view::Connection;
use serde_json::{Map, Value};
use zbus::wire::Signature;
use zbus::{Array, Dict, Variant};

use crate::names::{CONNECTION, CONNECTIONS_PATH, MANAGER, MANAGER_PATH};
use crate::value;

/// The properties of a connection object: D-Bus name, key of the view, type.
const PROPERTIES: &[(&str, &str, &str)] = &[
    ("Name", "name", "s"),
    ("Kind", "kind", "s"),
    ("Status", "status", "s"),
    ("Reason", "reason", "s"),
    ("Where", "where", "s"),
    ("Remote", "remote", "s"),
    ("Provider", "provider", "s"),
    ("User", "user", "s"),
    ("Owner", "owner", "s"),
    ("Remembered", "remembered", "b"),
    ("ReadOnly", "read_only", "b"),
    ("PendingBytes", "pending_bytes", "t"),
    ("Dialect", "dialect", "s"),
    ("Encryption", "encryption", "s"),
    ("Signing", "signing", "s"),
    ("References", "references", "t"),
    ("UpSeconds", "up_seconds", "t"),
    ("WorkerPid", "worker_pid", "t"),
    ("Servers", "servers", "as"),
    ("Holders", "holders", "aa{sv}"),
    ("Unseen", "unseen", "as"),
    ("Link", "link", "a{sv}"),
];

/// Methods and signals: name, arguments as (name, type, direction).
type Member = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const MANAGER_METHODS: &[Member] = &[
    ("List", &[("options", "a{sv}", "in"), ("connections", "aa{sv}", "out")]),
    ("Status", &[("name", "s", "in"), ("connection", "a{sv}", "out")]),
    ("Holders", &[("name", "s", "in"), ("holders", "a{sv}", "out")]),
    ("Map", &[("request", "a{sv}", "in"), ("connection", "a{sv}", "out")]),
    ("Dial", &[("request", "a{sv}", "in"), ("connection", "a{sv}", "out")]),
    ("HangUp", &[("handle", "t", "in"), ("options", "a{sv}", "in"), ("report", "a{sv}", "out")]),
    ("End", &[("request", "a{sv}", "in"), ("report", "a{sv}", "out")]),
    ("Remember", &[("name", "s", "in")]),
    ("Forget", &[("name", "s", "in")]),
    ("Restore", &[("names", "as", "in"), ("results", "aa{sv}", "out")]),
    ("KeepRestoring", &[]),
    ("Shares", &[("request", "a{sv}", "in"), ("shares", "aa{sv}", "out")]),
    ("Version", &[("version", "s", "out")]),
    ("Quit", &[]),
];
const MANAGER_SIGNALS: &[Member] = &[
    ("ConnectionAdded", &[("object", "o", "out"), ("connection", "a{sv}", "out")]),
    ("ConnectionChanged", &[("object", "o", "out"), ("connection", "a{sv}", "out")]),
    ("ConnectionRemoved", &[("object", "o", "out"), ("name", "s", "out")]),
    ("Progress", &[("progress", "a{sv}", "out")]),
];
const CONNECTION_METHODS: &[Member] = &[("End", &[("request", "a{sv}", "in"), ("report", "a{sv}", "out")])];
const PROPERTIES_METHODS: &[Member] = &[
    ("Get", &[("interface", "s", "in"), ("name", "s", "in"), ("value", "v", "out")]),
    ("GetAll", &[("interface", "s", "in"), ("values", "a{sv}", "out")]),
    ("Set", &[("interface", "s", "in"), ("name", "s", "in"), ("value", "v", "in")]),
];
const PROPERTIES_SIGNALS: &[Member] = &[(
    "PropertiesChanged",
    &[("interface", "s", "out"), ("changed", "a{sv}", "out"), ("gone", "as", "out")],
)];
const OBJECT_MANAGER_METHODS: &[Member] = &[("GetManagedObjects", &[("objects", "a{oa{sa{sv}}}", "out")])];
const OBJECT_MANAGER_SIGNALS: &[Member] = &[
    ("InterfacesAdded", &[("object", "o", "out"), ("interfaces", "a{sa{sv}}", "out")]),
    ("InterfacesRemoved", &[("object", "o", "out"), ("interfaces", "as", "out")]),
];
const INTROSPECT: &[Member] = &[("Introspect", &[("xml", "s", "out")])];
const PEER: &[Member] = &[("Ping", &[]), ("GetMachineId", &[("id", "s", "out")])];
const BUS: &[Member] = &[
    ("Hello", &[("name", "s", "out")]),
    ("ListNames", &[("names", "as", "out")]),
    ("ListActivatableNames", &[("names", "as", "out")]),
    ("NameHasOwner", &[("name", "s", "in"), ("has", "b", "out")]),
    ("GetNameOwner", &[("name", "s", "in"), ("owner", "s", "out")]),
    ("GetConnectionUnixUser", &[("name", "s", "in"), ("uid", "u", "out")]),
    ("GetConnectionUnixProcessID", &[("name", "s", "in"), ("pid", "u", "out")]),
    ("GetConnectionCredentials", &[("name", "s", "in"), ("credentials", "a{sv}", "out")]),
    ("AddMatch", &[("rule", "s", "in")]),
    ("RemoveMatch", &[("rule", "s", "in")]),
    ("GetId", &[("id", "s", "out")]),
];

/// The properties of a connection as `a{sv}`; what is not known is empty, never missing.
pub(crate) fn properties(view: &Connection) -> Dict<'static, 'static> {
    let view = match value::to_json(view) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let mut dict = Dict::new(&Signature::Str, &Signature::Variant);
    for (name, key, kind) in PROPERTIES {
        let value = view.get(*key).and_then(value::to_variant).unwrap_or_else(|| empty(kind));
        let fits = dict.append(Variant::from(*name), Variant::Variant(Box::new(value)));
        debug_assert!(fits.is_ok());
    }
    dict
}

fn empty(kind: &str) -> Variant<'static> {
    match kind {
        "b" => Variant::Bool(false),
        "t" => Variant::U64(0),
        "as" => Array::new(&Signature::Str).into(),
        "a{sv}" => Dict::new(&Signature::Str, &Signature::Variant).into(),
        "aa{sv}" => Array::new(&Signature::dict(Signature::Str, Signature::Variant)).into(),
        _ => Variant::from(""),
    }
}

/// The introspection of the object at `path`; none when there is none. `ids` are the connections', `peer` says
/// that the bus itself is answered for.
pub(crate) fn introspect(path: &str, ids: &[String], peer: bool) -> Option<String> {
    let mut xml = String::from(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
    );
    let own_id = path.strip_prefix(CONNECTIONS_PATH).and_then(|rest| rest.strip_prefix('/'));
    let is_connection = own_id.is_some_and(|id| ids.iter().any(|known| known == id));
    if path == MANAGER_PATH {
        interface(&mut xml, MANAGER, MANAGER_METHODS, MANAGER_SIGNALS, false);
        interface(
            &mut xml,
            "org.freedesktop.DBus.ObjectManager",
            OBJECT_MANAGER_METHODS,
            OBJECT_MANAGER_SIGNALS,
            false,
        );
    } else if is_connection {
        interface(&mut xml, CONNECTION, CONNECTION_METHODS, &[], true);
    } else if peer && path == "/org/freedesktop/DBus" {
        interface(&mut xml, "org.freedesktop.DBus", BUS, &[], false);
    }
    let children = children(path, ids, peer);
    if children.is_empty() && !is_connection && path != MANAGER_PATH && path != "/org/freedesktop/DBus" {
        return (path == CONNECTIONS_PATH).then(|| xml + "</node>\n");
    }
    if is_connection || path == MANAGER_PATH {
        interface(&mut xml, "org.freedesktop.DBus.Properties", PROPERTIES_METHODS, PROPERTIES_SIGNALS, false);
    }
    interface(&mut xml, "org.freedesktop.DBus.Introspectable", INTROSPECT, &[], false);
    interface(&mut xml, "org.freedesktop.DBus.Peer", PEER, &[], false);
    for child in children {
        let _ = writeln!(xml, " <node name=\"{child}\"/>");
    }
    Some(xml + "</node>\n")
}

fn interface(xml: &mut String, name: &str, methods: &[Member], signals: &[Member], properties: bool) {
    let _ = writeln!(xml, " <interface name=\"{name}\">");
    for (element, members) in [("method", methods), ("signal", signals)] {
        for (name, args) in members {
            let _ = writeln!(xml, "  <{element} name=\"{name}\">");
            for (name, kind, direction) in *args {
                let direction =
                    if element == "method" { format!(" direction=\"{direction}\"") } else { String::new() };
                let _ = writeln!(xml, "   <arg name=\"{name}\" type=\"{kind}\"{direction}/>");
            }
            let _ = writeln!(xml, "  </{element}>");
        }
    }
    for (name, _, kind) in PROPERTIES.iter().filter(|_| properties) {
        let _ = writeln!(xml, "  <property name=\"{name}\" type=\"{kind}\" access=\"read\"/>");
    }
    let _ = writeln!(xml, " </interface>");
}

/// The names of the nodes right below `path`.
fn children(path: &str, ids: &[String], peer: bool) -> Vec<String> {
    let mut paths = vec![MANAGER_PATH.to_owned(), CONNECTIONS_PATH.to_owned()];
    paths.extend(ids.iter().map(|id| format!("{CONNECTIONS_PATH}/{id}")));
    if peer {
        paths.push("/org/freedesktop/DBus".into());
    }
    let folder = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let below = paths.iter().filter_map(|p| p.strip_prefix(&folder)?.split('/').next().map(str::to_owned));
    let mut children: Vec<String> = below.filter(|c| !c.is_empty()).collect();
    children.sort();
    children.dedup();
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_leads_from_the_root_to_each_connection() {
        let ids = vec!["c1".to_owned()];
        assert_eq!(children("/", &ids, true), ["org"]);
        assert_eq!(children("/org", &ids, true), ["cleardown", "freedesktop"]);
        assert_eq!(children(MANAGER_PATH, &ids, true), ["connection"]);
        assert_eq!(children(CONNECTIONS_PATH, &ids, true), ["c1"]);
        assert!(
            introspect("/org/cleardown/Cleardown1/connection/c1", &ids, true)
                .unwrap()
                .contains("PendingBytes")
        );
        assert!(introspect("/org/cleardown/Cleardown1/connection/c2", &ids, true).is_none());
        assert!(introspect("/nowhere", &ids, true).is_none());
    }
}
