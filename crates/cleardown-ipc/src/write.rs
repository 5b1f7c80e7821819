//! Writing an answer as D-Bus has it on the wire, straight from JSON: a tree of D-Bus values between would cost as much as
//! everything else that a long list costs. The mapping is that of [`value`](crate::value).

use serde_json::{Map, Value};
use zbus::Message;
use zbus::wire::Endian;

use crate::value::{Element, element};

/// The reply to `call` with this value; an empty one for null.
pub(crate) fn reply(call: &Message, answer: &Value) -> zbus::Result<Message> {
    let reply = Message::method_return(&call.header());
    let Some(kind) = kind("", answer) else { return reply.build(&()) };
    let mut body = Body(Vec::new());
    body.put("", answer);
    // SAFETY: nothing but the message's validity depends on it; the body has just been written after its signature.
    unsafe { reply.endian(Endian::Little).build_raw_body(&body.0, kind, Vec::new()) }
}

/// The D-Bus type of a value; none for a null, which D-Bus lacks.
fn kind(name: &str, value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "b",
        Value::Number(number) if number.is_u64() => "t",
        Value::Number(number) if number.is_i64() => "x",
        Value::Number(_) => "d",
        Value::String(_) => "s",
        Value::Object(_) => "a{sv}",
        Value::Array(items) => match element(name, items) {
            Element::Text => "as",
            Element::Object => "aa{sv}",
            Element::Any => "av",
        },
    })
}

/// A body in little-endian order.
struct Body(Vec<u8>);

impl Body {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number<const N: usize>(&mut self, octets: [u8; N]) {
        self.align(N);
        self.0.extend_from_slice(&octets);
    }

    fn text(&mut self, text: &str) {
        // D-Bus has no such character.
        let text = if text.contains('\0') { &text.replace('\0', "\u{fffd}") } else { text };
        self.number((text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// A list whose elements have this alignment.
    fn list(&mut self, alignment: usize, elements: impl FnOnce(&mut Body)) {
        self.number([0; 4]);
        let length = self.0.len() - 4;
        self.align(alignment);
        let start = self.0.len();
        elements(self);
        let octets = (self.0.len() - start) as u32;
        self.0[length..length + 4].copy_from_slice(&octets.to_le_bytes());
    }

    fn put(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(yes) => self.number(u32::from(*yes).to_le_bytes()),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => self.number(number.to_le_bytes()),
                (None, Some(number)) => self.number(number.to_le_bytes()),
                _ => self.number(number.as_f64().unwrap_or_default().to_le_bytes()),
            },
            Value::String(text) => self.text(text),
            Value::Object(map) => self.dictionary(map),
            Value::Array(items) => match element(name, items) {
                Element::Text | Element::Object => {
                    self.list(4, |body| items.iter().for_each(|item| body.put("", item)));
                }
                Element::Any => self.list(1, |body| items.iter().for_each(|item| body.variant("", item))),
            },
        }
    }

    fn variant(&mut self, name: &str, value: &Value) {
        let Some(kind) = kind(name, value) else { return };
        self.0.push(kind.len() as u8);
        self.0.extend_from_slice(kind.as_bytes());
        self.0.push(0);
        self.put(name, value);
    }

    fn dictionary(&mut self, map: &Map<String, Value>) {
        self.list(8, |body| {
            for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                body.align(8);
                body.text(name);
                body.variant(name, value);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use zbus::Structure;

    use super::*;
    use crate::{read, value};

    fn call() -> Message {
        Message::method_call("/x", "List").build(&()).unwrap()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("a number", |n| n.is_finite().then(|| n.into())),
            "[a-zé]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec("[a-z]{0,3}", 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,5}|names", inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_answer_has_the_bytes_that_the_library_would_write(value in any_value()) {
            let written = reply(&call(), &value).unwrap();
            written.body().validate().unwrap();
            let Some(tree) = value::to_variant(&value) else { return Ok(()) };
            let body = Structure::builder().append_field(tree).build().unwrap();
            let library = Message::method_return(&call().header()).build(&body).unwrap();
            let (ours, theirs) = (written.body(), library.body());
            prop_assert_eq!(ours.data().bytes(), theirs.data().bytes());
            prop_assert_eq!(ours.signature(), theirs.signature());
            let back = value::to_value(&value::to_variant(&value).unwrap()).unwrap();
            prop_assert_eq!(read::first::<Value>(&written).unwrap(), back);
        }
    }

    #[test]
    fn a_nul_does_not_make_a_bad_message() {
        let written = reply(&call(), &json!({"a": "b\0c"})).unwrap();
        written.body().validate().unwrap();
        assert_eq!(read::first::<Value>(&written).unwrap(), json!({"a": "b\u{fffd}c"}));
    }
}
