//! Interfaces: made, seen, used, and gone.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use cleardown_core::ErrorKind;
use cleardown_core::link::Network;
use cleardown_kernel::net::{self, Event, Interface, Tun, Watch, addresses, apply_all, interfaces};

use super::{PATIENCE, agreed, at_the_near_end, planned};

fn wait_for_news<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("no news came") })
}

#[test]
fn packets_come_out_of_the_descriptor_and_are_counted() {
    at_the_near_end(|_| {
        let network = Network { routes: vec!["203.0.113.0/24".parse().unwrap()], ..Network::default() };
        let (tun, changes) = planned(&network, &agreed());
        apply_all(&changes, PATIENCE).unwrap();
        let socket = UdpSocket::bind(("198.51.100.1", 0)).unwrap();
        socket.send_to(b"through the link", ("203.0.113.77", 9)).unwrap();
        let mut packet = [0; 2000];
        let length = loop {
            let length = rustix::io::read(&tun, &mut packet).unwrap();
            // The kernel also sends what it must on a new IPv6 interface.
            if packet[0] >> 4 == 4 {
                break length;
            }
        };
        assert_eq!(
            (&packet[16..20], &packet[28..length]),
            (&[203, 0, 113, 77][..], &b"through the link"[..])
        );
        // The answer: addresses and ports the other way round.
        let (from, to): ([u8; 4], [u8; 4]) =
            (packet[16..20].try_into().unwrap(), packet[12..16].try_into().unwrap());
        packet[12..16].copy_from_slice(&from);
        packet[16..20].copy_from_slice(&to);
        packet[20..24].rotate_left(2);
        packet[26..28].fill(0);
        assert_eq!(rustix::io::write(&tun, &packet[..length]).unwrap(), length);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(socket.recv(&mut [0; 100]).unwrap(), b"through the link".len());
        let all = interfaces().unwrap();
        let seen = all.iter().find(|details| details.interface == *tun.interface()).unwrap();
        let counters = seen.counters;
        assert_eq!((counters.bytes_in, seen.mtu, seen.is_up), (length as u64, 1400, true));
        assert!(counters.bytes_out >= length as u64);
        assert!(counters.packets_in >= 1 && counters.packets_out >= 1);
        assert_eq!(seen.kind.as_deref(), Some("tun"));
        assert_eq!(net::counters().unwrap()[&tun.interface().index], counters);
        let index = tun.interface().index;
        let mut ours: Vec<_> =
            addresses().unwrap().into_iter().filter(|a| a.0 == index).map(|a| a.1).collect();
        ours.sort_by_key(|address| address.local);
        assert_eq!(ours, agreed().addresses, "and no address of the kernel's own");
        tun.interface().delete().unwrap();
        cleardown_kernel::net::revert_all(&changes, PATIENCE);
    });
}

#[test]
fn segments_are_left_to_whoever_reads_an_interface_that_was_made_for_it() {
    at_the_near_end(|_| {
        assert!(!Tun::offloads(&Tun::create("cd%d").unwrap()));
        let tun = Tun::create_offloading("cd%d").unwrap();
        assert!(Tun::offloads(&tun));
        assert!(Tun::offloads(&Tun::adopt(tun.into()).unwrap()));
        assert!(!Tun::offloads(&std::fs::File::open("/dev/null").unwrap()));
    });
}

#[test]
fn it_can_be_deleted_although_somebody_holds_it() {
    at_the_near_end(|_| {
        let tun = Tun::create("cd%d").unwrap();
        let interface = tun.interface().clone();
        let held = tun.duplicate().unwrap();
        assert!(!interface.wait_gone(Duration::ZERO).unwrap());
        assert!(interface.delete().unwrap());
        assert!(interface.wait_gone(Duration::ZERO).unwrap());
        assert!(!interface.delete().unwrap(), "twice is once");
        assert_eq!(rustix::io::read(&held, &mut [0; 100]), Err(rustix::io::Errno::BADFD));
        assert!(Tun::adopt(held).is_err());
    });
}

#[test]
fn some_interfaces_are_looked_at_and_those_that_are_gone_left_out() {
    at_the_near_end(|_| {
        let [tun, gone] = [Tun::create("cd%d").unwrap(), Tun::create("cd%d").unwrap()];
        let indices = [&gone, &tun].map(|tun| tun.interface().index);
        drop(gone);
        let seen = net::details_of(&indices).unwrap();
        let all = interfaces().unwrap();
        let same =
            all.into_iter().filter(|details| details.interface == *tun.interface()).collect::<Vec<_>>();
        assert_eq!((seen, net::counters().unwrap().contains_key(&indices[0])), (same, false));
    });
}

#[test]
fn the_end_is_waited_for_and_not_polled() {
    at_the_near_end(|cable| {
        let tun = Tun::create("cd%d").unwrap();
        let interface = tun.interface().clone();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| cable.near.run(|| interface.wait_gone(PATIENCE)));
            let awaiting = scope.spawn(|| cable.near.run(|| wait_for_news(interface.gone())));
            // Other news do not confuse it.
            drop(Tun::create("cd%d").unwrap());
            cable.near.ip(&["link", "set", "dev", &interface.name, "mtu", "1300"]);
            drop(tun);
            assert!(waiting.join().unwrap().unwrap());
            awaiting.join().unwrap().unwrap();
        });
    });
}

#[test]
fn a_wait_ends_at_its_deadline() {
    at_the_near_end(|_| {
        let tun = Tun::create("cd%d").unwrap();
        let begin = Instant::now();
        assert!(!tun.interface().wait_gone(Duration::from_millis(50)).unwrap());
        assert!(begin.elapsed() >= Duration::from_millis(50));
    });
}

#[test]
fn only_tun_interfaces_are_deleted() {
    at_the_near_end(|_| {
        let cable = Interface::named("net0").unwrap().unwrap();
        assert!(cable.delete().is_err());
        assert!(!cable.is_gone().unwrap());
    });
}

#[test]
fn names_are_the_kernels_to_give() {
    at_the_near_end(|cable| {
        let first = Tun::create("cd%d").unwrap();
        let second = Tun::create("cd%d").unwrap();
        assert_eq!([&first, &second].map(|tun| tun.interface().name.as_str()), ["cd0", "cd1"]);
        let errno = |error: cleardown_core::Error| match error.kind {
            ErrorKind::Os { errno, .. } => errno,
            kind => panic!("{kind:?}"),
        };
        assert_eq!(errno(Tun::create("cd0").unwrap_err()), libc::EBUSY);
        for bad in ["a/b", "much-too-long-a-name", "a\0b", "a b"] {
            assert_eq!(errno(Tun::create(bad).unwrap_err()), libc::EINVAL, "{bad}");
        }
        cable.near.ip(&["tuntap", "add", "dev", "theirs", "mode", "tun"]);
        assert_eq!(errno(Tun::create("theirs").unwrap_err()), libc::EBUSY, "somebody's persistent one");
        cable.near.ip(&["link", "del", "theirs"]);
    });
}

#[test]
fn a_descriptor_knows_its_interface() {
    at_the_near_end(|_| {
        let tun = Tun::create("cd%d").unwrap();
        let interface = tun.interface().clone();
        let adopted = Tun::adopt(tun.into()).unwrap();
        assert_eq!(*adopted.interface(), interface);
        let file: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        assert!(Tun::adopt(file).is_err());
    });
}

#[test]
fn news_are_told_as_they_happen() {
    at_the_near_end(|_| {
        let mut watch = Watch::new().unwrap();
        let (tun, changes) = planned(&super::everything(), &agreed());
        apply_all(&changes, PATIENCE).unwrap();
        cleardown_kernel::net::revert_all(&changes, PATIENCE);
        let interface = tun.interface().clone();
        let mut seen = Vec::new();
        wait_for_news(async {
            while seen.last() != Some(&Event::LinkGone(interface.clone())) {
                seen.push(watch.next().await.unwrap());
            }
        });
        for event in [Event::Link(interface), Event::Addresses, Event::Routes] {
            assert!(seen.contains(&event), "{event:?} in {seen:?}");
        }
    });
}

#[test]
fn a_watch_that_was_not_read_says_so() {
    at_the_near_end(|cable| {
        let mut watch = Watch::links().unwrap();
        // More than a socket's buffer holds.
        let commands: String =
            (0..2000).map(|mtu| format!("link set lo mtu {}\n", 65000 + mtu % 2)).collect();
        let batch = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(batch.path(), commands + "link set lo mtu 65536\n").unwrap();
        cable.near.ip(&["-batch", batch.path().to_str().unwrap()]);
        wait_for_news(async { while watch.next().await.unwrap() != Event::Missed {} });
    });
}
