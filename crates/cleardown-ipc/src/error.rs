//! Errors on the wire: the D-Bus error name says the kind, the body carries the text and the whole error.

use cleardown_core::{Error, ErrorKind};
use serde_json::Value;
use zbus::{Structure, Variant};

use crate::names::ERROR_PREFIX;
use crate::value;

/// The D-Bus error name of an error, for example `org.cleardown.Error.NotConnected`.
pub fn error_name(error: &Error) -> String {
    let kind = serde_json::to_value(&error.kind).ok();
    let tag = kind.as_ref().and_then(|k| k.get("kind")).and_then(Value::as_str).unwrap_or("other");
    let camel = tag.split('_').map(|word| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    });
    format!("{ERROR_PREFIX}{}", camel.collect::<String>())
}

/// The body of the error reply: the sentence, and the whole error as `a{sv}`.
pub(crate) fn error_body(error: &Error) -> Vec<Variant<'static>> {
    let whole = match value::to_json(error) {
        Ok(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    vec![Variant::from(error.to_string()), Variant::Dict(value::dict(&whole))]
}

/// The error that a reply carries; one from elsewhere becomes [`ErrorKind::Daemon`].
pub(crate) fn from_zbus(error: zbus::Error) -> Error {
    if let zbus::Error::MethodError(name, text, message) = &error {
        let body = message.body();
        if name.as_str().starts_with(ERROR_PREFIX)
            && let Ok(body) = body.deserialize::<Structure<'_>>()
            && let Some(whole) = body.fields().get(1)
            && let Ok(error) = value::to_value(whole).and_then(value::from_json::<Error>)
        {
            return error;
        }
        return ErrorKind::Daemon(text.clone().unwrap_or_else(|| name.to_string())).into();
    }
    Error::from(ErrorKind::Daemon("it did not answer".into())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_camel_case_kinds() {
        assert_eq!(
            error_name(&ErrorKind::NotConnected("z:".into()).into()),
            "org.cleardown.Error.NotConnected"
        );
        assert_eq!(error_name(&ErrorKind::NoFreeName.into()), "org.cleardown.Error.NoFreeName");
        assert_eq!(error_name(&ErrorKind::Cancelled.into()), "org.cleardown.Error.Cancelled");
    }
}
