//! Writing our types as D-Bus has them on the wire: no tree of values in between, which would cost as much as everything else
//! that a long list costs.
//!
//! A structure or map is `a{sv}` (what is none is left out), a list of strings `as`, one of objects `aa{sv}`, any other `av`; a
//! whole number is `t` or (negative) `x`. So the type follows from the value, as in JSON.

use std::fmt;
use std::os::fd::OwnedFd;

use cleardown_core::{ErrorKind, Result};
use serde::ser::{self, Serialize, Serializer};
use zbus::Message;
use zbus::message::Builder;
use zbus::wire::Endian;

/// The lists that hold strings: an empty one cannot tell.
const STRING_LISTS: &[&str] = &["causes", "files", "names", "unproven", "unseen"];

/// The values of a message, in little-endian order.
#[derive(Debug, Default)]
pub struct Values {
    kinds: String,
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Values {
    /// No values.
    pub fn none() -> Self {
        Values::default()
    }

    /// One value; none when it is nothing, which D-Bus lacks.
    ///
    /// # Errors
    /// It has no counterpart: a dictionary whose keys are no strings, or a number of 128 bits.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Values::none().and(value)
    }

    /// One value more.
    pub(crate) fn and<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        let (kinds, bytes) = (self.kinds.len(), self.bytes.len());
        let mut mixed = Vec::new();
        loop {
            let mut writer = Writer { to: &mut self, lists: Vec::new(), begun: 0, mixed: &mixed };
            match value.serialize(Item { writer: &mut writer, place: Place::Bare }) {
                Ok(_) => return Ok(self),
                // Its beginning promised something else: once more, knowing that.
                Err(Bad::Mixed(list)) if !mixed.contains(&list) => mixed.push(list),
                Err(bad) => return Err(ErrorKind::BadParameter(format!("cannot be sent: {bad}")).into()),
            }
            self.kinds.truncate(kinds);
            self.bytes.truncate(bytes);
        }
    }

    /// The message with these values.
    pub(crate) fn message(self, message: Builder<'_>) -> zbus::Result<Message> {
        if self.kinds.is_empty() {
            return message.build(&());
        }
        let descriptors = self.descriptors.into_iter().map(Into::into).collect();
        // SAFETY: nothing but the message's validity depends on it; the body has been written together with its signature.
        unsafe {
            message.endian(Endian::Little).build_raw_body(&self.bytes, self.kinds.as_str(), descriptors)
        }
    }

    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn number<const N: usize>(&mut self, octets: [u8; N]) {
        self.align(N);
        self.bytes.extend_from_slice(&octets);
    }

    fn text(&mut self, text: &str) {
        // D-Bus has no such character.
        let text = if text.contains('\0') { &text.replace('\0', "\u{fffd}") } else { text };
        self.number((text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// What a variant begins with.
    fn kind(&mut self, kind: &str) {
        self.bytes.push(kind.len() as u8);
        self.bytes.extend_from_slice(kind.as_bytes());
        self.bytes.push(0);
    }

    /// Begins a list or dictionary whose elements have this alignment.
    fn open(&mut self, alignment: usize) -> Open {
        self.number([0; 4]);
        let length = self.bytes.len() - 4;
        self.align(alignment);
        Open { length, start: self.bytes.len() }
    }

    fn close(&mut self, open: Open) {
        let octets = (self.bytes.len() - open.start) as u32;
        self.bytes[open.length..open.length + 4].copy_from_slice(&octets.to_le_bytes());
    }
}

/// Where a list's or dictionary's length goes, and where its elements begin.
#[derive(Clone, Copy)]
struct Open {
    length: usize,
    start: usize,
}

/// Why something cannot be written.
#[derive(Debug)]
enum Bad {
    /// The list with this number turned out to be of different things.
    Mixed(usize),
    Said(String),
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Mixed(_) => f.write_str("a list that changes"),
            Bad::Said(words) => f.write_str(words),
        }
    }
}
impl std::error::Error for Bad {}
impl ser::Error for Bad {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Bad::Said(words.to_string())
    }
}

/// Writes one value.
struct Writer<'w> {
    to: &'w mut Values,
    /// The lists around what is being written.
    lists: Vec<List>,
    /// How many lists there were so far.
    begun: usize,
    /// The lists that are known to be of different things.
    mixed: &'w [usize],
}

/// A list that is being written.
struct List {
    number: usize,
    place: Place,
    /// Once it has one.
    elements: Option<(Elements, Open)>,
}

/// What a list is a list of.
#[derive(Clone, Copy, PartialEq)]
enum Elements {
    Texts,
    Objects,
    Variants,
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place {
    /// It is one of the message's values.
    Bare,
    /// In a dictionary; when it is an empty list, then one of strings or of objects.
    Entry { strings: bool },
    /// Before such a value.
    Key,
    /// In the list at this depth.
    Element(usize),
}

impl Writer<'_> {
    /// Prepares for a value of this type.
    fn begin(&mut self, place: Place, kind: &'static str) -> Result<(), Bad> {
        match place {
            Place::Bare => self.to.kinds.push_str(kind),
            Place::Entry { .. } => self.to.kind(kind),
            Place::Key if kind == "s" => {}
            Place::Key => return Err(Bad::Said("a dictionary's keys must be strings".into())),
            Place::Element(list) => {
                let fits = match kind {
                    "s" => Elements::Texts,
                    "a{sv}" => Elements::Objects,
                    _ => Elements::Variants,
                };
                if self.element(list, fits)? == Elements::Variants {
                    self.to.kind(kind);
                }
            }
        }
        Ok(())
    }

    /// What the list is a list of, with a further element of this kind.
    fn element(&mut self, at: usize, fits: Elements) -> Result<Elements, Bad> {
        let number = self.lists[at].number;
        match self.lists[at].elements {
            None if self.mixed.contains(&number) => self.open(at, Elements::Variants),
            None => self.open(at, fits),
            Some((elements, _)) if elements == fits || elements == Elements::Variants => Ok(elements),
            Some(_) => Err(Bad::Mixed(number)),
        }
    }

    fn open(&mut self, at: usize, elements: Elements) -> Result<Elements, Bad> {
        let (kind, alignment) = match elements {
            Elements::Texts => ("as", 4),
            Elements::Objects => ("aa{sv}", 4),
            Elements::Variants => ("av", 1),
        };
        self.begin(self.lists[at].place, kind)?;
        self.lists[at].elements = Some((elements, self.to.open(alignment)));
        Ok(elements)
    }

    fn list(&mut self, place: Place) {
        self.lists.push(List { number: self.begun, place, elements: None });
        self.begun += 1;
    }

    fn end_list(&mut self) -> Result<(), Bad> {
        let Some(last) = self.lists.len().checked_sub(1) else { return Ok(()) };
        if self.lists[last].elements.is_none() {
            let strings = matches!(self.lists[last].place, Place::Entry { strings: true });
            self.open(last, if strings { Elements::Texts } else { Elements::Objects })?;
        }
        if let Some(List { elements: Some((_, open)), .. }) = self.lists.pop() {
            self.to.close(open);
        }
        Ok(())
    }
}

/// A value that is to be written at a place. It is told whether anything was.
struct Item<'r, 'w> {
    writer: &'r mut Writer<'w>,
    place: Place,
}

impl<'r, 'w> Item<'r, 'w> {
    fn number<const N: usize>(self, kind: &'static str, octets: [u8; N]) -> Result<bool, Bad> {
        self.writer.begin(self.place, kind)?;
        self.writer.to.number(octets);
        Ok(true)
    }

    fn list(self) -> Sequence<'r, 'w> {
        self.writer.list(self.place);
        Sequence { writer: self.writer, around: None }
    }

    fn dictionary(self) -> Result<Dictionary<'r, 'w>, Bad> {
        self.writer.begin(self.place, "a{sv}")?;
        let open = self.writer.to.open(8);
        Ok(Dictionary { writer: self.writer, open, entry: 0, place: Place::Bare, around: None })
    }

    /// A dictionary with one entry, whose value follows.
    fn named(self, name: &'static str) -> Result<(Open, Item<'r, 'w>), Bad> {
        let mut dictionary = self.dictionary()?;
        dictionary.key(name)?;
        Ok((dictionary.open, Item { writer: dictionary.writer, place: dictionary.place }))
    }
}

impl<'r, 'w> Serializer for Item<'r, 'w> {
    type Ok = bool;
    type Error = Bad;
    type SerializeSeq = Sequence<'r, 'w>;
    type SerializeTuple = Sequence<'r, 'w>;
    type SerializeTupleStruct = Sequence<'r, 'w>;
    type SerializeTupleVariant = Sequence<'r, 'w>;
    type SerializeMap = Dictionary<'r, 'w>;
    type SerializeStruct = Dictionary<'r, 'w>;
    type SerializeStructVariant = Dictionary<'r, 'w>;

    fn serialize_bool(self, yes: bool) -> Result<bool, Bad> {
        self.number("b", u32::from(yes).to_le_bytes())
    }
    fn serialize_i8(self, number: i8) -> Result<bool, Bad> {
        self.serialize_i64(number.into())
    }
    fn serialize_i16(self, number: i16) -> Result<bool, Bad> {
        self.serialize_i64(number.into())
    }
    fn serialize_i32(self, number: i32) -> Result<bool, Bad> {
        self.serialize_i64(number.into())
    }
    fn serialize_i64(self, number: i64) -> Result<bool, Bad> {
        match u64::try_from(number) {
            Ok(number) => self.serialize_u64(number),
            Err(_) => self.number("x", number.to_le_bytes()),
        }
    }
    fn serialize_u8(self, number: u8) -> Result<bool, Bad> {
        self.serialize_u64(number.into())
    }
    fn serialize_u16(self, number: u16) -> Result<bool, Bad> {
        self.serialize_u64(number.into())
    }
    fn serialize_u32(self, number: u32) -> Result<bool, Bad> {
        self.serialize_u64(number.into())
    }
    fn serialize_u64(self, number: u64) -> Result<bool, Bad> {
        self.number("t", number.to_le_bytes())
    }
    fn serialize_f32(self, number: f32) -> Result<bool, Bad> {
        self.serialize_f64(number.into())
    }
    fn serialize_f64(self, number: f64) -> Result<bool, Bad> {
        // As in JSON, what is no number is nothing.
        if number.is_finite() { self.number("d", number.to_le_bytes()) } else { self.serialize_none() }
    }
    fn serialize_char(self, char: char) -> Result<bool, Bad> {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, text: &str) -> Result<bool, Bad> {
        self.writer.begin(self.place, "s")?;
        self.writer.to.text(text);
        Ok(true)
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<bool, Bad> {
        self.collect_seq(bytes)
    }
    fn serialize_none(self) -> Result<bool, Bad> {
        // A list that lacks something is neither one of strings nor one of objects.
        if let Place::Element(list) = self.place {
            self.writer.element(list, Elements::Variants)?;
        }
        Ok(false)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Bad> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<bool, Bad> {
        self.serialize_none()
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, Bad> {
        self.serialize_none()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<bool, Bad> {
        self.serialize_str(name)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<bool, Bad> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<bool, Bad> {
        let mut dictionary = self.dictionary()?;
        dictionary.key(name)?;
        dictionary.value(value)?;
        dictionary.close()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Bad> {
        Ok(self.list())
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Bad> {
        Ok(self.list())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Bad> {
        Ok(self.list())
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Bad> {
        let (around, item) = self.named(name)?;
        Ok(Sequence { around: Some(around), ..item.list() })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Bad> {
        self.dictionary()
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Bad> {
        self.dictionary()
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Bad> {
        let (around, item) = self.named(name)?;
        Ok(Dictionary { around: Some(around), ..item.dictionary()? })
    }
}

/// A list under way.
struct Sequence<'r, 'w> {
    writer: &'r mut Writer<'w>,
    /// The dictionary that says which variant it is.
    around: Option<Open>,
}

impl Sequence<'_, '_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Bad> {
        let place = Place::Element(self.writer.lists.len() - 1);
        value.serialize(Item { writer: &mut *self.writer, place }).map(drop)
    }

    fn close(self) -> Result<bool, Bad> {
        self.writer.end_list()?;
        self.around.into_iter().for_each(|open| self.writer.to.close(open));
        Ok(true)
    }
}

/// A dictionary under way.
struct Dictionary<'r, 'w> {
    writer: &'r mut Writer<'w>,
    open: Open,
    /// Where its last entry begins, and what its value is to know.
    entry: usize,
    place: Place,
    /// The dictionary that says which variant it is.
    around: Option<Open>,
}

impl Dictionary<'_, '_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Bad> {
        self.entry = self.writer.to.bytes.len();
        self.writer.to.align(8);
        let key_at = self.writer.to.bytes.len() + 4;
        key.serialize(Item { writer: &mut *self.writer, place: Place::Key })?;
        let key = self.writer.to.bytes.get(key_at..).and_then(|key| key.split_last());
        let strings = key.is_some_and(|(_, key)| STRING_LISTS.iter().any(|name| name.as_bytes() == key));
        self.place = Place::Entry { strings };
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Bad> {
        if !value.serialize(Item { writer: &mut *self.writer, place: self.place })? {
            self.writer.to.bytes.truncate(self.entry);
        }
        Ok(())
    }

    fn close(self) -> Result<bool, Bad> {
        self.writer.to.close(self.open);
        self.around.into_iter().for_each(|open| self.writer.to.close(open));
        Ok(true)
    }
}

/// What serde calls lists is here one thing, and so is what it calls dictionaries.
macro_rules! as_a {
    ($kind:ident: $($name:ident::$method:ident),+) => { $(
        impl ser::$name for $kind<'_, '_> {
            type Ok = bool;
            type Error = Bad;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Bad> {
                self.put(value)
            }
            fn end(self) -> Result<bool, Bad> {
                self.close()
            }
        }
    )+ };
    ($kind:ident with names: $($name:ident),+) => { $(
        impl ser::$name for $kind<'_, '_> {
            type Ok = bool;
            type Error = Bad;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Bad> {
                self.key(key)?;
                self.value(value)
            }
            fn end(self) -> Result<bool, Bad> {
                self.close()
            }
        }
    )+ };
}
as_a!(Sequence: SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field);
as_a!(Dictionary with names: SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Dictionary<'_, '_> {
    type Ok = bool;
    type Error = Bad;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Bad> {
        self.key(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Bad> {
        self.value(value)
    }
    fn end(self) -> Result<bool, Bad> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use zbus::Structure;

    use super::*;
    use crate::{read, value};

    fn sent<T: Serialize>(value: &T) -> Message {
        let call = Message::method_call("/x", "List").build(&()).unwrap();
        let message = Values::of(value).unwrap().message(Message::method_return(&call.header())).unwrap();
        message.body().validate().unwrap();
        message
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
            let written = sent(&value);
            let Some(tree) = value::to_variant(&value) else { return Ok(()) };
            let body = Structure::builder().append_field(tree).build().unwrap();
            let library = Message::signal("/x", "org.cleardown.Test1", "Sent").build(&body).unwrap();
            let (ours, theirs) = (written.body(), library.body());
            prop_assert_eq!(ours.data().bytes(), theirs.data().bytes());
            prop_assert_eq!(ours.signature(), theirs.signature());
            let back = value::to_value(&value::to_variant(&value).unwrap()).unwrap();
            prop_assert_eq!(read::first::<Value>(&written).unwrap(), back);
        }
    }

    #[test]
    fn a_nul_does_not_make_a_bad_message() {
        let written = sent(&json!({"a": "b\0c"}));
        assert_eq!(read::first::<Value>(&written).unwrap(), json!({"a": "b\u{fffd}c"}));
    }
}
