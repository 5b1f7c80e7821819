//! Every document that the command line can print fits the schema, and the schema refuses what does not fit.

use cleardown_core::link::{Device, Dialling, Network, Ppp, RasState};
use cleardown_core::view::{
    DriveProof, EndReport, Ended, HolderKind, JSON_VERSION, Kind, Link, LinkProof, Listing, Loss, Proof,
    Refused, Released, Status,
};
use cleardown_core::{Error, ErrorKind};
use cleardown_profile::Damaged;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::table::tests::{connection, examples, holder, links};

/// The part of JSON Schema 2020-12 that our schema uses. An unknown word fails, so that none is ignored.
struct Schema(Value);

impl Schema {
    fn load() -> Schema {
        let text = include_str!("../../../schema/v1.json");
        Schema(serde_json::from_str(text).unwrap())
    }

    /// What is wrong with `value` as the definition `name`.
    fn errors(&self, name: &str, value: &impl Serialize) -> Vec<String> {
        let value = serde_json::to_value(value).unwrap();
        let mut errors = Vec::new();
        self.check(&self.0["$defs"][name], &value, name, &mut errors);
        errors
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        let schema = schema.as_object().unwrap_or_else(|| panic!("{at}: there is no such definition"));
        for (word, rule) in schema {
            let fits = match word.as_str() {
                "title" | "description" => true,
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.check(&self.0["$defs"][name], value, at, errors);
                    true
                }
                "anyOf" => rule.as_array().unwrap().iter().any(|one| {
                    let mut errors = Vec::new();
                    self.check(one, value, at, &mut errors);
                    errors.is_empty()
                }),
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|t| is_type(value, t)),
                    one => is_type(value, one),
                },
                "required" => {
                    let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                    let missing: Vec<&Value> = rule.as_array().unwrap().iter().filter(missing).collect();
                    errors.extend(missing.iter().map(|name| format!("{at}: {name} is missing")));
                    true
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}[{index}]"), errors);
                    }
                    true
                }
                "properties" => {
                    // The schema lets members be added; ours are all to be described.
                    for (name, member) in value.as_object().into_iter().flatten() {
                        match rule.get(name) {
                            Some(rule) => self.check(rule, member, &format!("{at}.{name}"), errors),
                            None => errors.push(format!("{at}.{name} is not described")),
                        }
                    }
                    true
                }
                word => panic!("{at}: this check does not know {word}"),
            };
            if !fits {
                errors.push(format!("{at}: {value} does not fit {word} {rule}"));
            }
        }
    }
}

fn is_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("this check does not know the type {other}"),
    }
}

fn fits(name: &str, value: &impl Serialize) {
    assert_eq!(Schema::load().errors(name, value), [""; 0], "{name}");
}

fn every_status() -> Vec<Connection> {
    use Status::*;
    let all = [Opening, Connected, Reconnecting, Draining, Ending, Resetting, Ended, Failed, Remembered];
    all.into_iter().map(|status| Connection { status, ..connection("z:", "//fs1/x") }).collect()
}

fn every_state() -> Vec<Connection> {
    let link = links()[0].link.clone().unwrap();
    let states = (0..0x3000).filter_map(RasState::from_number);
    states
        .map(|state| Connection { link: Some(Link { state, ..link.clone() }), ..links()[0].clone() })
        .collect()
}

#[test]
fn the_phone_book_fits_the_schema() {
    let devices = [
        Device::Tcp { address: "h:1".into() },
        Device::Serial { port: "ttyS0".into(), speed: 9600, flow_control: true },
        Device::WireGuard {
            listen_port: Some(1),
            engine: Some(cleardown_core::link::Engine::Kernel),
            peers: Vec::new(),
        },
    ];
    let found = |device: Device| Found {
        whose: Whose::User,
        entry: Entry {
            name: "office".parse().unwrap(),
            user: Some("eve".into()),
            device,
            ppp: Ppp::default(),
            network: Network::default(),
            dialling: Dialling::default(),
        },
    };
    let damaged = Damaged { stem: "branch".into(), error: refusal() };
    let loaded = Loaded { entries: devices.map(found).into(), damaged: vec![damaged] };
    loaded.entries.iter().for_each(|found| fits("one_entry", &OneEntry::new(found)));
    fits("book", &Book::new(&loaded));
    let port = |kind| Port { tty: "ttyS0".into(), kind, title: "serial".into() };
    fits("devices", &Devices::new(&[port(PortKind::Modem), port(PortKind::Serial)]));
}

fn every_holder() -> Vec<Holder> {
    use HolderKind::*;
    let all = [File, Mapping, Lock, WorkingDirectory, Root, Executable, Mount, Unseen];
    all.into_iter().map(|kind| holder(1, "x", "/x", kind)).collect()
}

fn refusal() -> Error {
    let holders = vec![holder(4711, "vim", "/x", HolderKind::File)];
    Error::from(ErrorKind::Busy { name: "z:".into(), holders }).because("a file is open")
}

#[test]
fn lists_fit_the_schema() {
    let mut connections = examples();
    connections.extend(every_status());
    connections.extend(links());
    connections.extend(every_state());
    connections.push(Connection {
        kind: Kind::Link,
        reason: Some("r".into()),
        user: None,
        worker_pid: None,
        holders: every_holder(),
        unseen: vec!["processes of other users".into()],
        ..connection("office", "//fs1/x")
    });
    for c in &connections {
        fits("one", &One::new(c));
    }
    fits("holders", &HolderList::new("z:", &every_holder(), &["another mount namespace".into()]));
    fits("list", &Listing { version: JSON_VERSION, connections });
}

#[test]
fn reports_fit_the_schema() {
    let ended = Ended {
        name: "z:".into(),
        proof: Proof::Drive(DriveProof::default()),
        lost: vec![Loss { path: "a".into(), bytes: 1 }],
        unproven: vec!["the log-off".into()],
        took_ms: 3,
        forgotten: true,
    };
    let link = Proof::Link(LinkProof { device_answers: Some(true), ..LinkProof::default() });
    let link = Ended { proof: link, ..ended.clone() };
    let error = refusal();
    let refused = Refused {
        name: "y:".into(),
        code: error.code(),
        reason: error.to_string(),
        holders: every_holder(),
        error,
    };
    let released = Released { name: "office".into(), references: 1 };
    fits("end", &EndReport::default());
    fits(
        "end",
        &EndReport {
            ended: vec![ended, link],
            released: vec![released],
            refused: vec![refused],
            ..EndReport::default()
        },
    );
    let outcomes = [("z:".to_owned(), Ok(connection("z:", "//fs1/x"))), ("y:".to_owned(), Err(refusal()))];
    fits("restore", &Restored::new(&outcomes));
    let outcomes = [("z:".to_owned(), Ok(())), ("y:".to_owned(), Err(refusal()))];
    fits("forget", &Forgotten::new(&outcomes));
    fits("remember", &Remembered::new(&outcomes));
}

#[test]
fn the_schema_refuses_what_does_not_fit() {
    let schema = Schema::load();
    let bad = json!({"version": 2, "connections": [{"name": 5, "colour": "red"}]});
    let errors = schema.errors("list", &bad).join("\n");
    for expected in ["version", "name", "colour is not described", "\"where\" is missing"] {
        assert!(errors.contains(expected), "{expected} in {errors}");
    }
}

#[test]
fn the_listing_is_stable() {
    let connections = examples().into_iter().take(1).collect();
    insta::assert_snapshot!(
        "listing",
        serde_json::to_string_pretty(&Listing { version: JSON_VERSION, connections }).unwrap()
    );
}
