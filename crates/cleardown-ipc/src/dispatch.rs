//! From a message to a call, and from an answer to a reply.

use std::os::fd::OwnedFd;

use cleardown_core::{Error, ErrorKind, Result};
use serde_json::Value;
use zbus::message::Type;
use zbus::wire::Signature;
use zbus::{Dict, Message, ObjectPath, Structure, Variant};

use crate::names::{CONNECTION, CONNECTIONS_PATH, MANAGER, MANAGER_PATH, connection_path};
use crate::service::{Call, Change, Service};
use crate::{call, describe, error, value};

/// The values of a reply, or why there are none.
pub(crate) type Reply = std::result::Result<Vec<Variant<'static>>, Fault>;

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An error of ours.
    Ours(Error),
    /// An error that D-Bus defines (`org.freedesktop.DBus.Error.` and this name).
    Bus(&'static str, String),
}

impl Fault {
    pub(crate) fn bus(name: &'static str, text: &str) -> Self {
        Fault::Bus(name, text.to_owned())
    }
    pub(crate) fn unknown_method(member: &str) -> Self {
        Fault::Bus("UnknownMethod", format!("there is no method {member}"))
    }
}
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Ours(error)
    }
}

/// A method call, taken out of its message.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) interface: String,
    pub(crate) member: String,
    pub(crate) args: Vec<Value>,
    pub(crate) secret: Option<OwnedFd>,
}

impl Request {
    /// Reads a message; none when it is no method call.
    pub(crate) fn read(message: &Message) -> Option<std::result::Result<Request, Fault>> {
        let header = message.header();
        if header.message_type() != Type::MethodCall {
            return None;
        }
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let mut request = Request {
            path: text(header.path().map(|p| p.as_str())),
            interface: text(header.interface().map(|i| i.as_str())),
            member: text(header.member().map(|m| m.as_str())),
            args: Vec::new(),
            secret: None,
        };
        Some(request.read_args(message).map(|()| request).map_err(Fault::from))
    }

    fn read_args(&mut self, message: &Message) -> Result<()> {
        let body = message.body();
        if *body.signature() == Signature::Unit {
            return Ok(());
        }
        let bad =
            |e: zbus::Error| Error::from(ErrorKind::BadParameter("the message is damaged".into())).because(e);
        let fields: Structure<'_> = body.deserialize().map_err(bad)?;
        for field in fields.fields() {
            match field {
                Variant::Dict(dict) => {
                    let options = self.read_options(dict)?;
                    self.args.push(Value::Object(options));
                }
                other => self.args.push(value::to_value(other)?),
            }
        }
        Ok(())
    }

    /// Reads a dictionary; the entry `secret` may be a descriptor.
    fn read_options(&mut self, dict: &Dict<'_, '_>) -> Result<serde_json::Map<String, Value>> {
        let mut map = serde_json::Map::new();
        for (key, item) in dict.iter() {
            let Variant::Str(key) = key else {
                return Err(ErrorKind::BadParameter("a dictionary's keys must be strings".into()).into());
            };
            match unwrapped(item) {
                Variant::Fd(fd) if key.as_str() == "secret" => {
                    let owned = fd.try_to_owned().and_then(OwnedFd::try_from);
                    let owned = owned
                        .map_err(|e| Error::from(ErrorKind::BadParameter("secret".into())).because(e))?;
                    self.secret = Some(owned);
                }
                item => {
                    map.insert(key.as_str().to_owned(), value::to_value(item)?);
                }
            }
        }
        Ok(map)
    }

    /// The call of ours that this is; none when it is none of ours, or no such method exists.
    pub(crate) fn take_call(&mut self, service: &dyn Service) -> Option<std::result::Result<Call, Fault>> {
        let any = self.interface.is_empty();
        if self.path == MANAGER_PATH && (any || self.interface == MANAGER) {
            return call::decode(&self.member, std::mem::take(&mut self.args))
                .map(|c| c.map_err(Fault::from));
        }
        if self.member == "End" && (any || self.interface == CONNECTION) {
            let (_, view) = find(service, &self.path)?;
            let mut args = std::mem::take(&mut self.args);
            let mut options = if args.is_empty() { serde_json::json!({}) } else { args.swap_remove(0) };
            if let Some(map) = options.as_object_mut() {
                map.insert("which".into(), serde_json::json!({"names": [view.name]}));
            }
            return call::decode("End", vec![options]).map(|c| c.map_err(Fault::from));
        }
        None
    }

    /// Answers what needs no waiting: introspection, properties, the object manager, the peer.
    pub(crate) fn answer(&self, service: &dyn Service, peer: bool) -> Reply {
        let arg = |i: usize| self.args.get(i).and_then(Value::as_str).unwrap_or_default();
        match (self.interface.as_str(), self.member.as_str()) {
            ("org.freedesktop.DBus.Peer" | "", "Ping") => Ok(Vec::new()),
            ("org.freedesktop.DBus.Peer" | "", "GetMachineId") => machine_id().map(|id| vec![id.into()]),
            ("org.freedesktop.DBus.Introspectable" | "", "Introspect") => {
                let ids: Vec<String> = service.objects().into_iter().map(|(id, _)| id).collect();
                let xml = describe::introspect(&self.path, &ids, peer);
                xml.map(|xml| vec![xml.into()]).ok_or_else(|| self.unknown_object())
            }
            ("org.freedesktop.DBus.Properties" | "", "GetAll") => {
                Ok(vec![self.properties(service, arg(0))?.into()])
            }
            ("org.freedesktop.DBus.Properties" | "", "Get") => {
                let all = self.properties(service, arg(0))?;
                let found =
                    all.into_iter().find(|(key, _)| matches!(key, Variant::Str(k) if k.as_str() == arg(1)));
                match found {
                    Some((_, value)) => Ok(vec![value]),
                    None => Err(Fault::Bus("UnknownProperty", format!("there is no property {}", arg(1)))),
                }
            }
            ("org.freedesktop.DBus.Properties" | "", "Set") => {
                Err(Fault::bus("PropertyReadOnly", "the properties are read-only"))
            }
            ("org.freedesktop.DBus.ObjectManager" | "", "GetManagedObjects") if self.path == MANAGER_PATH => {
                managed(service).map(|objects| vec![objects])
            }
            _ if self.known_path(service) => Err(Fault::unknown_method(&self.member)),
            _ => Err(self.unknown_object()),
        }
    }

    fn properties(
        &self,
        service: &dyn Service,
        interface: &str,
    ) -> std::result::Result<Dict<'static, 'static>, Fault> {
        match find(service, &self.path) {
            Some((_, view)) if interface == CONNECTION || interface.is_empty() => {
                Ok(describe::properties(&view))
            }
            _ if self.known_path(service) => Ok(Dict::new(&Signature::Str, &Signature::Variant)),
            _ => Err(self.unknown_object()),
        }
    }

    fn known_path(&self, service: &dyn Service) -> bool {
        self.path == MANAGER_PATH || self.path == CONNECTIONS_PATH || find(service, &self.path).is_some()
    }

    fn unknown_object(&self) -> Fault {
        Fault::Bus("UnknownObject", format!("there is no object {}", self.path))
    }
}

fn unwrapped<'a, 'b>(variant: &'a Variant<'b>) -> &'a Variant<'b> {
    match variant {
        Variant::Variant(inner) => inner,
        other => other,
    }
}

fn find(service: &dyn Service, path: &str) -> Option<(String, cleardown_core::view::Connection)> {
    let id = path.strip_prefix(CONNECTIONS_PATH)?.strip_prefix('/')?;
    service.objects().into_iter().find(|(known, _)| known == id)
}

/// The machine's id, as `org.freedesktop.DBus.Peer` wants it.
fn machine_id() -> std::result::Result<String, Fault> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let id = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
    match id.map(|id| id.trim().to_owned()) {
        Some(id) if id.len() == 32 => Ok(id),
        _ => Err(Fault::bus("Failed", "this machine has no machine-id")),
    }
}

/// `a{sa{sv}}`: the interface of a connection object with its properties.
fn interfaces(view: &cleardown_core::view::Connection) -> Dict<'static, 'static> {
    let properties = Signature::dict(Signature::Str, Signature::Variant);
    let mut dict = Dict::new(&Signature::Str, &properties);
    let fits = dict.append(Variant::from(CONNECTION), describe::properties(view).into());
    debug_assert!(fits.is_ok());
    dict
}

fn managed(service: &dyn Service) -> Reply1 {
    let properties = Signature::dict(Signature::Str, Signature::Variant);
    let mut objects = Dict::new(&Signature::ObjectPath, &Signature::dict(Signature::Str, properties));
    for (id, view) in service.objects() {
        let path = object_path(&id).map_err(Fault::from)?;
        let fits = objects.append(path.into(), interfaces(&view).into());
        debug_assert!(fits.is_ok());
    }
    Ok(objects.into())
}
type Reply1 = std::result::Result<Variant<'static>, Fault>;

fn object_path(id: &str) -> Result<ObjectPath<'static>> {
    ObjectPath::try_from(connection_path(id))
        .map_err(|e| Error::from(ErrorKind::BadParameter("not an object path".into())).because(e))
}

/// The reply message.
pub(crate) fn reply(call: &Message, reply: Reply) -> zbus::Result<Message> {
    let header = call.header();
    match reply {
        Ok(values) => with_values(Message::method_return(&header), values),
        Err(Fault::Ours(error)) => {
            with_values(Message::error(&header, error::error_name(&error)), error::error_body(&error))
        }
        Err(Fault::Bus(name, text)) => with_values(
            Message::error(&header, format!("org.freedesktop.DBus.Error.{name}")),
            vec![text.into()],
        ),
    }
}

pub(crate) fn with_values(
    builder: zbus::message::Builder<'_>,
    values: Vec<Variant<'static>>,
) -> zbus::Result<Message> {
    if values.is_empty() {
        return builder.build(&());
    }
    let body = values.into_iter().fold(Structure::builder(), zbus::wire::StructureBuilder::append_field);
    builder.build(&body.build()?)
}

/// The signals that tell of a change.
pub(crate) fn signals(change: &Change) -> zbus::Result<Vec<Message>> {
    let manager =
        |member: &'static str, values| with_values(Message::signal(MANAGER_PATH, MANAGER, member), values);
    let objects = |member: &'static str, values| {
        with_values(Message::signal(MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", member), values)
    };
    let (Change::Added(id, _) | Change::Changed(id, _) | Change::Removed(id, _)) = change;
    let path = ObjectPath::try_from(connection_path(id))?;
    Ok(match change {
        Change::Added(_, view) => vec![
            objects("InterfacesAdded", vec![path.clone().into(), interfaces(view).into()])?,
            manager("ConnectionAdded", vec![path.into(), view_variant(view)])?,
        ],
        Change::Changed(_, view) => {
            let changed = vec![
                Variant::from(CONNECTION),
                describe::properties(view).into(),
                zbus::Array::new(&Signature::Str).into(),
            ];
            let properties =
                Message::signal(path.clone(), "org.freedesktop.DBus.Properties", "PropertiesChanged");
            vec![
                with_values(properties, changed)?,
                manager("ConnectionChanged", vec![path.into(), view_variant(view)])?,
            ]
        }
        Change::Removed(_, name) => vec![
            objects("InterfacesRemoved", vec![path.clone().into(), vec![CONNECTION.to_owned()].into()])?,
            manager("ConnectionRemoved", vec![path.into(), name.clone().into()])?,
        ],
    })
}

fn view_variant(view: &cleardown_core::view::Connection) -> Variant<'static> {
    match value::to_json(view) {
        Ok(Value::Object(map)) => value::dict(&map).into(),
        _ => value::dict(&serde_json::Map::new()).into(),
    }
}
