//! Links that others made.

use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::Duration;

use cleardown_kernel::net::{ForeignKind, Lookout, Tun, interfaces};

use super::{PATIENCE, at_the_near_end};

/// A process, killed in the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn links_of_others_are_listed_with_who_carries_them() {
    at_the_near_end(|cable| {
        // A program is known by its name, so this `sleep` is one that speaks WireGuard.
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("wireguard-go");
        // Another process copies it: see `install` in the tests of the resolver.
        assert!(Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());
        let ours = Tun::create("cd%d").unwrap();
        let held_by = |program: &std::path::Path, tun: OwnedFd| {
            Running(cable.near.command(program).arg("600").stdin(tun).spawn().unwrap())
        };
        let wireguard = held_by(&program, Tun::create("wg-office").unwrap().into());
        let sleep = std::path::Path::new("/bin/sleep");
        let tun: OwnedFd = Tun::create("tun%d").unwrap().into();
        let vpn = held_by(sleep, tun.try_clone().unwrap());
        cable.near.ip(&["tuntap", "add", "dev", "vm7", "mode", "tap"]);
        cable.near.ip(&["address", "add", "10.7.0.1/24", "dev", "tun0"]);
        cable.near.ip(&["link", "set", "tun0", "up"]);

        let mut others = interfaces().unwrap();
        others.retain(|details| details.interface != *ours.interface());
        let mut lookout = Lookout::default();
        let mut found = lookout.links(others, PATIENCE).unwrap();
        found.sort_by(|a, b| a.details.interface.name.cmp(&b.details.interface.name));
        let shown: Vec<_> = found
            .iter()
            .map(|link| {
                let owner = link.owner.as_ref().map(|o| (o.identity.pid, o.program.as_str()));
                (link.details.interface.name.as_str(), link.kind, link.details.is_up, owner)
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("tun0", ForeignKind::Tun, true, Some((vpn.0.id(), "sleep"))),
                ("vm7", ForeignKind::Tap, false, None),
                ("wg-office", ForeignKind::WireGuard, false, Some((wireguard.0.id(), "wireguard-go"))),
            ]
        );
        let local: Vec<_> = found[0].addresses.iter().map(|a| a.local.to_string()).collect();
        assert!(local.contains(&"10.7.0.1/24".to_owned()), "{local:?}");

        let hurried = Lookout::default().links(interfaces().unwrap(), Duration::ZERO).unwrap();
        assert_eq!(hurried.len(), 4, "without patience all links, and no owner");
        assert!(hurried.iter().all(|link| link.owner.is_none()));

        // What was found is known without patience, as long as it is true.
        let owner_of = |lookout: &mut Lookout, patience| {
            let links = lookout.links(interfaces().unwrap(), patience).unwrap();
            let tun = links.into_iter().find(|link| link.details.interface.name == "tun0").unwrap();
            tun.owner.map(|owner| owner.identity.pid)
        };
        assert_eq!(owner_of(&mut lookout, Duration::ZERO), Some(vpn.0.id()));
        let heir = held_by(sleep, tun);
        drop(vpn);
        assert_eq!(owner_of(&mut lookout, PATIENCE), Some(heir.0.id()));
        drop(heir);
        cable.near.ip(&["link", "del", "vm7"]);
        let interface = cleardown_kernel::net::Interface::named("wg-office").unwrap().unwrap();
        drop(wireguard);
        assert!(interface.wait_gone(PATIENCE).unwrap());
    });
}
