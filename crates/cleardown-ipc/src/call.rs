//! Calls on the wire: which method with which arguments, both ways.

use cleardown_core::request::MapRequest;
use cleardown_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::{Value, json};
use zbus::{Dict, Variant};

use crate::service::Call;
use crate::{Secret, value};

/// The method and the arguments of a call.
pub(crate) fn encode(call: &Call) -> Result<(&'static str, Vec<Variant<'static>>)> {
    Ok(match call {
        Call::List { remembered_too, with_holders, name } => {
            let wish = json!({"remembered": remembered_too, "holders": with_holders, "name": name});
            ("List", vec![options(&wish)?.into()])
        }
        Call::Status(name) => ("Status", vec![name.clone().into()]),
        Call::Holders(name) => ("Holders", vec![name.clone().into()]),
        Call::Map(request, secret) => ("Map", vec![with_secret(options(request)?, secret.as_ref())?.into()]),
        Call::Dial(request, secret) => {
            ("Dial", vec![with_secret(options(request)?, secret.as_ref())?.into()])
        }
        Call::HangUp(request) => {
            let options = options(&json!({"timeout_ms": request.timeout_ms}))?;
            ("HangUp", vec![request.handle.into(), options.into()])
        }
        Call::End(request) => ("End", vec![options(request)?.into()]),
        Call::Remember(name) => ("Remember", vec![name.clone().into()]),
        Call::Forget(name) => ("Forget", vec![name.clone().into()]),
        Call::Restore(names) => ("Restore", vec![names.clone().into()]),
        Call::KeepRestoring => ("KeepRestoring", Vec::new()),
        Call::Shares(request, secret) => {
            ("Shares", vec![with_secret(options(request)?, secret.as_ref())?.into()])
        }
        Call::Version => ("Version", Vec::new()),
        Call::Quit => ("Quit", Vec::new()),
    })
}

/// A dictionary with the reading end of a pipe that holds the secret.
fn with_secret(
    mut options: Dict<'static, 'static>,
    secret: Option<&Secret>,
) -> Result<Dict<'static, 'static>> {
    if let Some(secret) = secret {
        let fd = Variant::Variant(Box::new(Variant::Fd(secret.to_pipe()?.into())));
        let fits = options.append(Variant::from("secret"), fd);
        debug_assert!(fits.is_ok());
    }
    Ok(options)
}

fn options<T: Serialize>(request: &T) -> Result<Dict<'static, 'static>> {
    match value::to_json(request)? {
        Value::Object(map) => Ok(value::dict(&map)),
        _ => Err(ErrorKind::BadParameter("not a dictionary".into()).into()),
    }
}

/// The call of a method with arguments, without its secret; none when there is no such method.
pub(crate) fn decode(member: &str, args: Vec<Value>) -> Option<Result<Call>> {
    let mut args = args.into_iter();
    let mut next = || args.next();
    Some(match member {
        "List" => {
            let options = next().unwrap_or(Value::Null);
            let flag = |name| options.get(name).and_then(Value::as_bool).unwrap_or(false);
            let name = options.get("name").and_then(Value::as_str).map(str::to_owned);
            Ok(Call::List { remembered_too: flag("remembered"), with_holders: flag("holders"), name })
        }
        "Status" => text(next()).map(Call::Status),
        "Holders" => text(next()).map(Call::Holders),
        "Map" => {
            let request = needed(next()).map(simple_request).and_then(value::from_json);
            request.map(|request| Call::Map(request, None))
        }
        "Dial" => {
            let request = needed(next()).map(simple_entry).and_then(value::from_json);
            request.map(|request| Call::Dial(request, None))
        }
        "HangUp" => {
            let handle = needed(next());
            let options = next().unwrap_or(Value::Null);
            let timeout = options.get("timeout_ms").cloned().unwrap_or(Value::Null);
            let request = handle.map(|handle| json!({"handle": handle, "timeout_ms": timeout}));
            request.and_then(value::from_json).map(Call::HangUp)
        }
        "End" => needed(next()).and_then(value::from_json).map(Call::End),
        "Remember" => text(next()).map(Call::Remember),
        "Forget" => text(next()).map(Call::Forget),
        "Restore" => next().map_or(Ok(Vec::new()), value::from_json).map(Call::Restore),
        "KeepRestoring" => Ok(Call::KeepRestoring),
        "Shares" => needed(next()).and_then(value::from_json).map(|request| Call::Shares(request, None)),
        "Version" => Ok(Call::Version),
        "Quit" => Ok(Call::Quit),
        _ => return None,
    })
}

/// What people write by hand: `name` as a plain word (`*` for the first free letter, empty for none), and no
/// timeout.
fn simple_request(mut request: Value) -> Value {
    let Some(map) = request.as_object_mut() else { return request };
    let name = match map.get("name").and_then(Value::as_str) {
        Some("*") => Some(json!("firstfree")),
        Some("") => Some(json!("deviceless")),
        Some("firstfree" | "deviceless") | None => None,
        Some(name) => Some(json!({ "given": name })),
    };
    if let Some(name) = name {
        map.insert("name".into(), name);
    }
    let timeout = u64::try_from(MapRequest::TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    map.entry("timeout_ms").or_insert(json!(timeout));
    request
}

/// What people write by hand: `entry` as a plain word.
fn simple_entry(mut request: Value) -> Value {
    if let Some(entry) = request.get_mut("entry")
        && entry.is_string()
    {
        *entry = json!({ "named": entry.take() });
    }
    request
}

fn needed(arg: Option<Value>) -> Result<Value> {
    arg.ok_or_else(|| Error::from(ErrorKind::BadParameter("an argument is missing".into())))
}

fn text(arg: Option<Value>) -> Result<String> {
    needed(arg).and_then(value::from_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cleardown_core::request::{DialRequest, Dialled, EndRequest, HangUpRequest, Name, Verb, Which};

    fn round_trip(call: Call) -> Call {
        let (member, args) = encode(&call).unwrap();
        let args = args.iter().map(|a| value::to_value(a).unwrap()).collect();
        decode(member, args).unwrap().unwrap()
    }

    #[test]
    fn calls_survive_the_trip() {
        let map = MapRequest {
            name: Name::Given("z:".parse().unwrap()),
            remote: "//fs1/projects".parse().unwrap(),
            at: None,
            remember: true,
            read_only: false,
            user: Some(r"D\eve".into()),
            replace: false,
            kerberos: None,
            accept_host_key: None,
            timeout_ms: 10_000,
        };
        match round_trip(Call::Map(map.clone(), None)) {
            Call::Map(request, None) => assert_eq!(request, map),
            other => panic!("{other:?}"),
        }
        let end = EndRequest {
            which: Which::All,
            verb: Verb::Wait,
            forget: false,
            timeout_ms: Some(5),
            drop_reference: true,
            with_dependents: false,
        };
        match round_trip(Call::End(end.clone())) {
            Call::End(request) => assert_eq!(request, end),
            other => panic!("{other:?}"),
        }
        let list = |name| Call::List { remembered_too: true, with_holders: false, name };
        assert!(matches!(
            round_trip(list(None)),
            Call::List { remembered_too: true, with_holders: false, name: None }
        ));
        assert!(
            matches!(round_trip(list(Some("z:".into()))), Call::List { name: Some(name), .. } if name == "z:")
        );
    }

    #[test]
    fn a_request_written_by_hand_is_understood() {
        let request = json!({"name": "*", "remote": "//fs1/x"});
        match decode("Map", vec![request]).unwrap().unwrap() {
            Call::Map(request, None) => {
                assert_eq!((request.name, request.timeout_ms), (Name::FirstFree, 10_000));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dialling_survives_the_trip_also_when_written_by_hand() {
        let dial = DialRequest {
            user: Some("eve".into()),
            timeout_ms: Some(5),
            ..DialRequest::of(Dialled::Named("Office".parse().unwrap()))
        };
        match round_trip(Call::Dial(dial.clone(), None)) {
            Call::Dial(request, None) => assert_eq!(request, dial),
            other => panic!("{other:?}"),
        }
        match decode("Dial", vec![json!({"entry": "Office", "user": "eve", "timeout_ms": 5})]) {
            Some(Ok(Call::Dial(request, None))) => assert_eq!(request, dial),
            other => panic!("{other:?}"),
        }
        match round_trip(Call::HangUp(HangUpRequest { handle: 7, timeout_ms: Some(9) })) {
            Call::HangUp(request) => assert_eq!((request.handle, request.timeout_ms), (7, Some(9))),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(decode("Dance", Vec::new()).is_none());
        assert!(decode("Map", vec![json!({"name": 3})]).unwrap().is_err());
        assert!(decode("Status", Vec::new()).unwrap().is_err());
    }
}
