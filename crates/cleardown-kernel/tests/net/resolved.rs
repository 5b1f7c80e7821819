//! Name servers through systemd-resolved: a stand-in of it on a bus of the test's own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cleardown_kernel::net::dns::Places;
use cleardown_kernel::net::{Change, Dns, Method, Tun};
use zbus::interface;

use super::{PATIENCE, at_the_near_end, die};

/// What a link was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    servers: Vec<(i32, Vec<u8>)>,
    domains: Vec<(String, bool)>,
    default_route: Option<bool>,
}

type Links = Arc<Mutex<BTreeMap<i32, Told>>>;

struct Manager(Links);

impl Manager {
    fn tell(&self, index: i32, change: impl FnOnce(&mut Told)) {
        change(self.0.lock().unwrap().entry(index).or_default());
    }
}

#[interface(name = "org.freedesktop.resolve1.Manager")]
impl Manager {
    #[zbus(name = "SetLinkDNS")]
    fn set_link_dns(&self, index: i32, servers: Vec<(i32, Vec<u8>)>) {
        self.tell(index, |told| told.servers = servers);
    }

    fn set_link_domains(&self, index: i32, domains: Vec<(String, bool)>) {
        self.tell(index, |told| told.domains = domains);
    }

    fn set_link_default_route(&self, index: i32, enable: bool) {
        self.tell(index, |told| told.default_route = Some(enable));
    }

    fn revert_link(&self, index: i32) -> zbus::fdo::Result<()> {
        let known = self.0.lock().unwrap().remove(&index);
        known.map(drop).ok_or_else(|| zbus::fdo::Error::Failed(format!("Link {index} not known")))
    }

    #[zbus(property, name = "DNS")]
    fn dns(&self) -> Vec<(i32, i32, Vec<u8>)> {
        let links = self.0.lock().unwrap();
        let of = |(index, told): (&i32, &Told)| {
            told.servers.iter().map(|s| (*index, s.0, s.1.clone())).collect::<Vec<_>>()
        };
        links.iter().flat_map(of).collect()
    }

    #[zbus(property)]
    fn domains(&self) -> Vec<(i32, String, bool)> {
        let links = self.0.lock().unwrap();
        let of = |(index, told): (&i32, &Told)| {
            told.domains.iter().map(|d| (*index, d.0.clone(), d.1)).collect::<Vec<_>>()
        };
        links.iter().flat_map(of).collect()
    }
}

/// A bus that ends with the test.
struct Bus {
    child: Child,
    address: String,
}

impl Bus {
    fn start(folder: &Path) -> Self {
        let config = folder.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}/bus</listen><policy context='default'>\
             <allow user='*'/><allow send_destination='*'/><allow own='*'/><allow receive_sender='*'/></policy></busconfig>",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Bus { child, address: address.trim().to_owned() }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// systemd-resolved's stand-in; gone when dropped.
struct Service {
    links: Links,
    _runtime: tokio::runtime::Runtime,
    _connection: zbus::Connection,
}

impl Service {
    fn start(bus: &Bus) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let links = Links::default();
        let manager = Manager(Arc::clone(&links));
        let connection = runtime.block_on(async {
            let builder = zbus::connection::Builder::address(bus.address.as_str());
            let builder = builder.name("org.freedesktop.resolve1");
            let builder = builder.serve_at("/org/freedesktop/resolve1", manager);
            builder.build().await.unwrap()
        });
        Service { links, _runtime: runtime, _connection: connection }
    }

    fn told(&self, index: u32) -> Option<Told> {
        self.links.lock().unwrap().get(&i32::try_from(index).unwrap()).cloned()
    }
}

fn places(bus: &Bus, folder: &Path, text: &str) -> Places {
    let resolv_conf = folder.join("resolv.conf");
    std::fs::write(&resolv_conf, text).unwrap();
    let state = folder.join("none");
    Places { bus: Some(bus.address.clone()), resolv_conf, programs: Vec::new(), resolvconf_state: state }
}

fn change(tun: &Tun, bus: &Bus, takes_all: bool) -> Change {
    Change::Dns(Dns {
        interface: tun.interface().clone(),
        method: Method::Resolved { bus: Some(bus.address.clone()) },
        servers: vec!["198.51.100.53".parse().unwrap(), "2001:db8::53".parse().unwrap()],
        search: vec!["corp.example".into()],
        takes_all,
    })
}

#[test]
fn it_is_used_where_it_answers_for_resolv_conf() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path());
    let stub = places(&bus, folder.path(), "nameserver 127.0.0.53\noptions edns0\n");
    assert!(matches!(Method::find(&stub, PATIENCE), Method::File { .. }), "it does not run");
    let _service = Service::start(&bus);
    assert_eq!(Method::find(&stub, PATIENCE), Method::Resolved { bus: Some(bus.address.clone()) });
    let other = places(&bus, folder.path(), "nameserver 192.0.2.53\n");
    assert!(matches!(Method::find(&other, PATIENCE), Method::File { .. }), "nobody would ask it");
}

#[test]
fn a_link_has_its_servers_there_and_gives_them_back() {
    at_the_near_end(|_| {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::start(folder.path());
        let service = Service::start(&bus);
        let tun = Tun::create("cd%d").unwrap();
        let index = tun.interface().index;
        for takes_all in [false, true] {
            let change = change(&tun, &bus, takes_all);
            change.apply(PATIENCE).unwrap();
            assert!(!change.is_reverted(PATIENCE).unwrap());
            let told = service.told(index).unwrap();
            let v6 = "2001:db8::53".parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec();
            assert_eq!(told.servers, [(2, vec![198, 51, 100, 53]), (10, v6)]);
            let everything = takes_all.then(|| (".".to_owned(), true));
            let domains: Vec<_> =
                [("corp.example".to_owned(), false)].into_iter().chain(everything).collect();
            assert_eq!((told.domains, told.default_route), (domains, Some(takes_all)));
            change.revert(PATIENCE).unwrap();
            assert!(change.is_reverted(PATIENCE).unwrap());
            assert_eq!(service.told(index), None);
        }
        // The link goes first: resolved forgets it by itself, and knows it no more.
        let change = change(&tun, &bus, true);
        die(tun);
        change.revert(PATIENCE).unwrap();
        assert!(change.is_reverted(PATIENCE).unwrap());
    });
}

#[test]
fn without_it_the_end_of_the_interface_is_the_proof() {
    at_the_near_end(|_| {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::start(folder.path());
        let service = Service::start(&bus);
        let tun = Tun::create("cd%d").unwrap();
        let change = change(&tun, &bus, true);
        change.apply(PATIENCE).unwrap();
        drop((service, bus));
        let error = change.revert(PATIENCE).unwrap_err();
        assert!(error.to_string().starts_with("taking back the name servers of cd0"), "{error}");
        assert!(change.is_reverted(PATIENCE).is_err(), "nobody can tell");
        die(tun);
        assert!(change.revert(PATIENCE).is_ok() && change.is_reverted(PATIENCE).unwrap());
    });
}

#[test]
fn a_bus_that_is_silent_costs_no_more_than_the_patience() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("silent");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let places = Places {
        bus: Some(format!("unix:path={}", socket.display())),
        resolv_conf: folder.path().join("resolv.conf"),
        ..Places::default()
    };
    std::fs::write(&places.resolv_conf, "nameserver 127.0.0.53\n").unwrap();
    let begin = Instant::now();
    assert!(!matches!(Method::find(&places, Duration::from_millis(100)), Method::Resolved { .. }));
    assert!(begin.elapsed() >= Duration::from_millis(100), "it was asked");
}
