//! Reading a message's values straight into our types: no tree of values in between, which would cost more than the
//! round trip itself.

use std::fmt;

use cleardown_core::{ErrorKind, Result};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use zbus::Message;
use zbus::message::EndianSig;

/// Lists, dictionaries and variants nest no deeper than this.
const DEPTH: usize = 32;

/// The first value of a message's body; what stands for nothing when it is empty.
pub(crate) fn first<T: DeserializeOwned>(message: &Message) -> Result<T> {
    let body = message.body();
    let read = if body.is_empty() {
        T::deserialize(().into_deserializer())
    } else {
        let kinds = body.signature().to_string();
        // Several values have parentheses around them.
        let kinds = kinds.trim_start_matches('(').as_bytes();
        let big = message.primary_header().endian_sig() == EndianSig::Big;
        let mut bytes = Bytes { bytes: body.data().bytes(), at: 0, big };
        T::deserialize(Item { bytes: &mut bytes, kind: kinds, depth: DEPTH })
    };
    read.map_err(|bad: Bad| ErrorKind::BadParameter(format!("not understood: {bad}")).into())
}

/// Why it cannot be read.
#[derive(Debug)]
struct Bad(String);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Bad {}
impl de::Error for Bad {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Bad(words.to_string())
    }
}

fn bad<T>(words: &str) -> Result<T, Bad> {
    Err(Bad(words.to_owned()))
}

/// A body, and how far it has been read.
struct Bytes<'m> {
    bytes: &'m [u8],
    at: usize,
    big: bool,
}

impl<'m> Bytes<'m> {
    #[inline]
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }
    #[inline]
    fn take(&mut self, count: usize) -> Result<&'m [u8], Bad> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else { return bad("the message ends too early") };
        self.at += count;
        Ok(taken)
    }
    /// A number, aligned to its size.
    #[inline]
    fn number<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.align(N);
        let mut octets = [0; N];
        octets.copy_from_slice(self.take(N)?);
        if self.big {
            octets.reverse();
        }
        Ok(octets)
    }
    fn length(&mut self) -> Result<usize, Bad> {
        Ok(u32::from_le_bytes(self.number()?) as usize)
    }
    /// As many octets, and the zero that ends them.
    #[inline]
    fn zero_ended(&mut self, length: usize) -> Result<&'m [u8], Bad> {
        let octets = self.take(length)?;
        self.take(1)?;
        Ok(octets)
    }
    fn text(&mut self) -> Result<&'m str, Bad> {
        let length = self.length()?;
        std::str::from_utf8(self.zero_ended(length)?).or_else(|_| bad("a text is not UTF-8"))
    }
}

/// A value that comes next, and its type.
struct Item<'r, 'm> {
    bytes: &'r mut Bytes<'m>,
    /// Begins with the value's type.
    kind: &'m [u8],
    depth: usize,
}

impl<'r, 'm> Item<'r, 'm> {
    /// What is in it, when it is a variant.
    fn unwrapped(mut self) -> Result<Self, Bad> {
        while self.kind.first() == Some(&b'v') {
            let [length] = self.bytes.number()?;
            self.kind = self.bytes.zero_ended(length.into())?;
            self.depth = deeper(self.depth)?;
        }
        Ok(self)
    }

    /// The type of a list's elements, and where it ends. Its first element comes next.
    fn opened(&mut self) -> Result<(&'m [u8], usize), Bad> {
        let length = self.bytes.length()?;
        let element = self.kind.get(1..).unwrap_or_default();
        self.bytes.align(alignment(element));
        let end = self.bytes.at.saturating_add(length);
        if end > self.bytes.bytes.len() {
            return bad("a list is longer than its message");
        }
        Ok((element, end))
    }

    fn list<V: Visitor<'m>>(mut self, visitor: V) -> Result<V::Value, Bad> {
        let (element, end) = self.opened()?;
        let depth = deeper(self.depth)?;
        let list = List { bytes: &mut *self.bytes, element, end, depth };
        let value = if element.first() == Some(&b'{') {
            visitor.visit_map(list)?
        } else {
            visitor.visit_seq(list)?
        };
        self.bytes.at = end;
        Ok(value)
    }
}

fn deeper(depth: usize) -> Result<usize, Bad> {
    depth.checked_sub(1).map_or_else(|| bad("a value is nested too deeply"), Ok)
}

fn alignment(kind: &[u8]) -> usize {
    match kind.first() {
        Some(b'y' | b'g' | b'v') => 1,
        Some(b'n' | b'q') => 2,
        Some(b'x' | b't' | b'd' | b'{' | b'(') => 8,
        _ => 4,
    }
}

impl<'m> Deserializer<'m> for Item<'_, 'm> {
    type Error = Bad;

    fn deserialize_any<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, Bad> {
        let item = self.unwrapped()?;
        let bytes = &mut *item.bytes;
        match item.kind.first() {
            Some(b'y') => visitor.visit_u8(u8::from_le_bytes(bytes.number()?)),
            Some(b'b') => visitor.visit_bool(bytes.length()? != 0),
            Some(b'n') => visitor.visit_i16(i16::from_le_bytes(bytes.number()?)),
            Some(b'q') => visitor.visit_u16(u16::from_le_bytes(bytes.number()?)),
            Some(b'i') => visitor.visit_i32(i32::from_le_bytes(bytes.number()?)),
            Some(b'u') => visitor.visit_u32(u32::from_le_bytes(bytes.number()?)),
            Some(b'x') => visitor.visit_i64(i64::from_le_bytes(bytes.number()?)),
            Some(b't') => visitor.visit_u64(u64::from_le_bytes(bytes.number()?)),
            Some(b'd') => visitor.visit_f64(f64::from_le_bytes(bytes.number()?)),
            Some(b's' | b'o') => visitor.visit_borrowed_str(bytes.text()?),
            Some(b'a') => item.list(visitor),
            _ => bad("a type that we do not send"),
        }
    }

    fn deserialize_option<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, Bad> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'m>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Bad> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'m>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Bad> {
        let item = self.unwrapped()?;
        if item.kind.starts_with(b"a{") {
            return item.list(OneOf(visitor));
        }
        let name: StrDeserializer<'_, Bad> = item.bytes.text()?.into_deserializer();
        visitor.visit_enum(name)
    }

    /// A field's name is compared with those that are known: it need not be proven to be text first.
    fn deserialize_identifier<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, Bad> {
        if self.kind.first() != Some(&b's') {
            return self.deserialize_any(visitor);
        }
        let length = self.bytes.length()?;
        visitor.visit_borrowed_bytes(self.bytes.zero_ended(length)?)
    }

    /// What nobody wants is passed over by its length.
    fn deserialize_ignored_any<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, Bad> {
        let mut item = self.unwrapped()?;
        match item.kind.first() {
            Some(b's' | b'o') => {
                let length = item.bytes.length()?;
                item.bytes.zero_ended(length)?;
            }
            Some(b'a') => item.bytes.at = item.opened()?.1,
            _ => return item.deserialize_any(visitor),
        }
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'m>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct
    }
}

/// A variant of an enum that has a value: a dictionary with one entry.
struct OneOf<V>(V);

impl<'m, V: Visitor<'m>> Visitor<'m> for OneOf<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'m>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(MapAccessDeserializer::new(map))
    }
}

/// What is in a list or dictionary.
struct List<'r, 'm> {
    bytes: &'r mut Bytes<'m>,
    element: &'m [u8],
    end: usize,
    depth: usize,
}

impl<'m> List<'_, 'm> {
    fn item(&mut self, kind: &'m [u8]) -> Item<'_, 'm> {
        Item { bytes: &mut *self.bytes, kind, depth: self.depth }
    }
}

impl<'m> SeqAccess<'m> for List<'_, 'm> {
    type Error = Bad;

    fn next_element_seed<S: DeserializeSeed<'m>>(&mut self, seed: S) -> Result<Option<S::Value>, Bad> {
        if self.bytes.at >= self.end {
            return Ok(None);
        }
        let kind = self.element;
        seed.deserialize(self.item(kind)).map(Some)
    }
}

impl<'m> MapAccess<'m> for List<'_, 'm> {
    type Error = Bad;

    fn next_key_seed<S: DeserializeSeed<'m>>(&mut self, seed: S) -> Result<Option<S::Value>, Bad> {
        if self.bytes.at >= self.end {
            return Ok(None);
        }
        self.bytes.align(8);
        let kind = self.element.get(1..2).unwrap_or_default();
        seed.deserialize(self.item(kind)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'m>>(&mut self, seed: S) -> Result<S::Value, Bad> {
        let kind = self.element.get(2..).unwrap_or_default();
        seed.deserialize(self.item(kind))
    }
}

#[cfg(test)]
mod tests {
    use cleardown_core::view::{Connection, Holder, HolderKind, Holders, Kind, Status};
    use serde::Deserialize as _;
    use serde_json::{Value, json};
    use zbus::Structure;

    use super::*;
    use crate::value;

    fn sent(value: &Value) -> Message {
        let body = Structure::builder().append_field(value::to_variant(value).unwrap()).build().unwrap();
        Message::signal("/x", "org.cleardown.Test1", "Sent").build(&body).unwrap()
    }

    #[test]
    fn what_was_sent_is_read() {
        let whole = json!({
            "text": "é", "yes": true, "negative": -7, "large": u64::MAX, "half": 0.5, "texts": ["a", ""],
            "objects": [{"name": "x"}, {}], "deep": {"deeper": {"deepest": [[1]]}}, "nothing": {}
        });
        assert_eq!(first::<Value>(&sent(&whole)).unwrap(), whole);
        assert_eq!(first::<Value>(&sent(&json!([{"a": 1}, {"b": 2}]))).unwrap(), json!([{"a": 1}, {"b": 2}]));
        assert_eq!(first::<String>(&sent(&json!("0.1.0"))).unwrap(), "0.1.0");
    }

    #[test]
    fn our_types_are_read_without_a_tree_between() {
        let holder = Holder {
            pid: 7,
            user: "eve".into(),
            program: "bash".into(),
            path: "/mnt/z".into(),
            kind: HolderKind::WorkingDirectory,
        };
        let holders = Holders { holders: vec![holder], unseen: Vec::new() };
        let message = sent(&value::to_json(&holders).unwrap());
        assert_eq!(first::<Holders>(&message).unwrap(), holders);
        let error =
            cleardown_core::Error::from(ErrorKind::Os { during: "mounting".into(), errno: 5 }).because("why");
        let message = sent(&value::to_json(&error).unwrap());
        assert_eq!(first::<cleardown_core::Error>(&message).unwrap(), error);
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Narrow {
        name: String,
        status: Status,
    }

    #[test]
    fn what_is_not_wanted_is_passed_over() {
        let whole = json!({
            "a": "é", "b": true, "c": -7, "d": u64::MAX, "e": 0.5, "f": ["g", ""], "h": [{"name": "x"}, {}],
            "i": {"name": {"j": [[1]]}}, "k": {}, "l": [], "name": "office", "status": "ended", "z": [1, "2"]
        });
        let office = Narrow { name: "office".into(), status: Status::Ended };
        assert_eq!(first::<Vec<Narrow>>(&sent(&json!([whole]))).unwrap(), [office]);
    }

    #[test]
    fn an_answer_without_a_value_is_nothing() {
        let empty = Message::signal("/x", "org.cleardown.Test1", "Sent").build(&()).unwrap();
        first::<()>(&empty).unwrap();
        assert!(first::<Holders>(&empty).is_err());
    }

    proptest::proptest! {
        #[test]
        fn damaged_bodies_are_refused_or_read_and_never_panic(
            at in 0usize..400, octet: u8, length in 0usize..500, big: bool,
        ) {
            let message = sent(&json!({"a": [{"b": "c"}, {"d": 1}], "e": ["f", "g"], "h": {"i": -1}, "j": true}));
            let mut bytes = message.body().data().bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = octet;
            bytes.truncate(length);
            let mut read = Bytes { bytes: &bytes, at: 0, big };
            let _ = Value::deserialize(Item { bytes: &mut read, kind: b"a{sv}", depth: DEPTH });
        }

        #[test]
        fn damaged_lists_are_refused_or_read_and_never_panic(at in 0usize..2000, octet: u8, length in 0usize..2000) {
            let link = Connection::new("office".into(), Kind::Link, Status::Connected);
            let message = sent(&value::to_json(&[link.clone(), link]).unwrap());
            let mut bytes = message.body().data().bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = octet;
            bytes.truncate(length);
            let mut read = Bytes { bytes: &bytes, at: 0, big: false };
            let _ = Vec::<Connection>::deserialize(Item { bytes: &mut read, kind: b"aa{sv}", depth: DEPTH });
            read.at = 0;
            let _ = Vec::<Narrow>::deserialize(Item { bytes: &mut read, kind: b"aa{sv}", depth: DEPTH });
        }
    }
}
