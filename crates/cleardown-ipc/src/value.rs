//! One conversion between JSON values and D-Bus values, so that each type is described once, by serde.
//!
//! An object becomes `a{sv}` (a null is left out), a list of strings `as`, a list of objects `aa{sv}`, a whole
//! number `t` or (negative) `x`. The way back accepts every D-Bus type that has a JSON counterpart.

use cleardown_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use zbus::wire::Signature;
use zbus::{Array, Dict, Variant};

/// The lists that hold strings: an empty one cannot tell.
const STRING_LISTS: &[&str] = &["causes", "files", "names", "unproven", "unseen"];

/// Lists and dictionaries nest no deeper than this in what a caller may send.
const DEPTH: usize = 16;

/// Any serializable value as JSON.
pub fn to_json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| ErrorKind::BadParameter(format!("cannot be sent: {e}")).into())
}

/// JSON as a value.
pub fn from_json<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| ErrorKind::BadParameter(format!("not understood: {e}")).into())
}

/// JSON as D-Bus; none for a null, which D-Bus lacks.
pub(crate) fn to_variant(value: &Value) -> Option<Variant<'static>> {
    named_to_variant("", value)
}

fn named_to_variant(name: &str, value: &Value) -> Option<Variant<'static>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => Variant::Bool(*b),
        Value::Number(n) => number(n),
        Value::String(s) => Variant::from(s.clone()),
        Value::Array(items) => Variant::Array(list(name, items)),
        Value::Object(map) => Variant::Dict(dict(map)),
    })
}

fn number(n: &Number) -> Variant<'static> {
    match (n.as_u64(), n.as_i64()) {
        (Some(n), _) => Variant::U64(n),
        (None, Some(n)) => Variant::I64(n),
        _ => Variant::F64(n.as_f64().unwrap_or_default()),
    }
}

/// A JSON object as `a{sv}`.
pub(crate) fn dict(map: &Map<String, Value>) -> Dict<'static, 'static> {
    let mut dict = Dict::new(&Signature::Str, &Signature::Variant);
    for (key, value) in map {
        if let Some(value) = named_to_variant(key, value) {
            let fits = dict.append(Variant::from(key.clone()), Variant::Variant(Box::new(value)));
            debug_assert!(fits.is_ok());
        }
    }
    dict
}

/// What a list on D-Bus is a list of.
pub(crate) enum Element {
    /// Strings.
    Text,
    /// Dictionaries.
    Object,
    /// Variants.
    Any,
}

/// What a list of this name is a list of.
pub(crate) fn element(name: &str, items: &[Value]) -> Element {
    let strings =
        if items.is_empty() { STRING_LISTS.contains(&name) } else { items.iter().all(Value::is_string) };
    match (strings, items.iter().all(Value::is_object)) {
        (true, _) => Element::Text,
        (false, true) => Element::Object,
        (false, false) => Element::Any,
    }
}

fn list(name: &str, items: &[Value]) -> Array<'static> {
    let element = match element(name, items) {
        Element::Text => Signature::Str,
        Element::Object => Signature::dict(Signature::Str, Signature::Variant),
        Element::Any => Signature::Variant,
    };
    let boxed = element == Signature::Variant;
    let mut array = Array::new(&element);
    for item in items.iter().filter_map(to_variant) {
        let fits = array.append(if boxed { Variant::Variant(Box::new(item)) } else { item });
        debug_assert!(fits.is_ok());
    }
    array
}

/// D-Bus as JSON. Descriptors have no counterpart: they are taken out before.
pub(crate) fn to_value(variant: &Variant<'_>) -> Result<Value> {
    convert(variant, DEPTH)
}

fn convert(variant: &Variant<'_>, depth: usize) -> Result<Value> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(ErrorKind::BadParameter("a value is nested too deeply".into()).into());
    };
    Ok(match variant {
        Variant::U8(n) => (*n).into(),
        Variant::Bool(b) => (*b).into(),
        Variant::I16(n) => (*n).into(),
        Variant::U16(n) => (*n).into(),
        Variant::I32(n) => (*n).into(),
        Variant::U32(n) => (*n).into(),
        Variant::I64(n) => (*n).into(),
        Variant::U64(n) => (*n).into(),
        Variant::F64(n) => (*n).into(),
        Variant::Str(s) => s.as_str().into(),
        Variant::Signature(s) => s.to_string().into(),
        Variant::ObjectPath(p) => p.as_str().into(),
        Variant::Variant(inner) => convert(inner, depth)?,
        Variant::Array(array) => {
            Value::Array(array.iter().map(|item| convert(item, depth)).collect::<Result<_>>()?)
        }
        Variant::Structure(fields) => {
            Value::Array(fields.fields().iter().map(|item| convert(item, depth)).collect::<Result<_>>()?)
        }
        Variant::Dict(dict) => Value::Object(object(dict, depth)?),
        Variant::Fd(_) => {
            return Err(ErrorKind::BadParameter("a descriptor does not belong there".into()).into());
        }
    })
}

fn object(dict: &Dict<'_, '_>, depth: usize) -> Result<Map<String, Value>> {
    let mut map = Map::new();
    for (key, value) in dict.iter() {
        let Variant::Str(key) = key else {
            return Err(Error::from(ErrorKind::BadParameter("a dictionary's keys must be strings".into())));
        };
        map.insert(key.as_str().to_owned(), convert(value, depth)?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cleardown_core::request::{EndRequest, Verb, Which};
    use cleardown_core::view::{Holder, HolderKind, Progress};

    fn round_trip<T: Serialize + DeserializeOwned>(value: &T) -> T {
        from_json(to_value(&to_variant(&to_json(value).unwrap()).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn views_and_requests_survive_the_trip() {
        let holder = Holder {
            pid: 7,
            user: "eve".into(),
            program: "bash".into(),
            path: "/mnt/z".into(),
            kind: HolderKind::WorkingDirectory,
        };
        let progress = Progress {
            name: "z:".into(),
            stage: "flushing".into(),
            bytes_left: Some(u64::MAX),
            rate: None,
            holders: vec![holder],
            ras: None,
        };
        assert_eq!(round_trip(&progress), progress);
        let request = EndRequest {
            which: Which::Names(vec!["z:".into()]),
            verb: Verb::Force,
            forget: true,
            timeout_ms: None,
            drop_reference: false,
            with_dependents: false,
        };
        assert_eq!(round_trip(&request), request);
        let error = Error::from(ErrorKind::Os { during: "mounting".into(), errno: 5 }).because("why");
        assert_eq!(round_trip(&error), error);
    }

    #[test]
    fn lists_keep_their_type_when_empty() {
        let map = serde_json::json!({"unproven": [], "holders": []});
        let dict = dict(map.as_object().unwrap());
        let signatures: Vec<String> = dict
            .iter()
            .map(|(_, v)| match v {
                Variant::Variant(inner) => inner.value_signature().to_string(),
                other => other.value_signature().to_string(),
            })
            .collect();
        assert_eq!(signatures, ["aa{sv}", "as"]);
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = (0..40).fold(Variant::Bool(true), |inner, _| Variant::Variant(Box::new(inner)));
        assert!(to_value(&deep).is_err());
    }
}
