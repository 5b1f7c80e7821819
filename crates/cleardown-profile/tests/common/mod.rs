//! A private message bus with a small Secret Service on it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant, interface};

/// A bus that ends with the test.
pub(crate) struct TestBus {
    child: Child,
    pub(crate) address: String,
}

impl TestBus {
    pub(crate) fn start(folder: &Path) -> TestBus {
        let config = folder.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}/bus</listen><policy context='default'>\
             <allow send_destination='*'/><allow own='*'/><allow receive_sender='*'/></policy></busconfig>",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        TestBus { child, address: address.trim().to_owned() }
    }
}

impl Drop for TestBus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Wire = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);
type Attributes = HashMap<String, String>;

/// What the fake key ring holds, and whether it is locked.
#[derive(Default)]
pub(crate) struct Ring {
    pub(crate) items: HashMap<String, (Attributes, Vec<u8>)>,
    pub(crate) locked: bool,
    next: usize,
}

pub(crate) type Shared = Arc<Mutex<Ring>>;

fn path(text: &str) -> OwnedObjectPath {
    ObjectPath::try_from(text.to_owned()).unwrap().into()
}

struct FakeService(Shared);

#[interface(name = "org.freedesktop.Secret.Service")]
impl FakeService {
    fn open_session(&self, algorithm: &str, _input: OwnedVariant) -> (OwnedVariant, OwnedObjectPath) {
        assert_eq!(algorithm, "plain");
        (OwnedVariant::try_from(zbus::Variant::from("")).unwrap(), path("/session"))
    }

    fn search_items(&self, wanted: Attributes) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let ring = self.0.lock().unwrap();
        let fits = |(_, (attributes, _)): &(&String, &(Attributes, Vec<u8>))| {
            wanted.iter().all(|(key, value)| attributes.get(key) == Some(value))
        };
        let found = ring.items.iter().filter(fits).map(|(item, _)| path(item)).collect();
        if ring.locked { (Vec::new(), found) } else { (found, Vec::new()) }
    }

    fn get_secrets(
        &self,
        items: Vec<OwnedObjectPath>,
        session: OwnedObjectPath,
    ) -> HashMap<OwnedObjectPath, Wire> {
        let ring = self.0.lock().unwrap();
        let secret = |item: &OwnedObjectPath| ring.items[item.as_str()].1.clone();
        items
            .into_iter()
            .map(|item| {
                let wire = (session.clone(), Vec::new(), secret(&item), "text/plain".to_owned());
                (item, wire)
            })
            .collect()
    }
}

struct FakeCollection(Shared);

#[interface(name = "org.freedesktop.Secret.Collection")]
impl FakeCollection {
    async fn create_item(
        &self,
        #[zbus(object_server)] server: &zbus::ObjectServer,
        properties: HashMap<String, OwnedVariant>,
        secret: Wire,
        _replace: bool,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        let item = {
            let mut ring = self.0.lock().unwrap();
            if ring.locked {
                return (path("/"), path("/prompt/1"));
            }
            let attributes = properties["org.freedesktop.Secret.Item.Attributes"].try_clone().unwrap();
            let attributes = Attributes::try_from(attributes).unwrap();
            let known = ring.items.iter().find(|(_, (a, _))| *a == attributes).map(|(item, _)| item.clone());
            ring.next += 1;
            let item = known.unwrap_or(format!("/item/{}", ring.next));
            ring.items.insert(item.clone(), (attributes, secret.2));
            item
        };
        server.at(item.as_str(), FakeItem(self.0.clone(), item.clone())).await.unwrap();
        (path(&item), path("/"))
    }
}

struct FakeItem(Shared, String);

#[interface(name = "org.freedesktop.Secret.Item")]
impl FakeItem {
    fn delete(&self) -> OwnedObjectPath {
        self.0.lock().unwrap().items.remove(&self.1);
        path("/")
    }
}

/// Puts a Secret Service on the bus; it is there as long as the connection is.
pub(crate) async fn serve(bus: &TestBus, ring: Shared) -> zbus::Connection {
    zbus::connection::Builder::address(bus.address.as_str())
        .serve_at("/org/freedesktop/secrets", FakeService(ring.clone()))
        .serve_at("/org/freedesktop/secrets/aliases/default", FakeCollection(ring))
        .name("org.freedesktop.secrets")
        .build()
        .await
        .unwrap()
}
