//! The network of a link: what changes while it is up.

use cleardown_kernel::net::{self, Interface};

use super::*;

/// Another address, another peer, another name server, a smaller MTU, and IPv6, which was not there before.
fn renewed() -> Agreed {
    let ends = Ends { local: Ipv4Addr::new(10, 9, 7, 1), remote: Some(Ipv4Addr::new(10, 9, 7, 2)) };
    let ipv6 = Ends { local: "fe80::7".parse().unwrap(), remote: None };
    let dns = vec![Ipv4Addr::new(10, 9, 7, 53).into()];
    Agreed { mtu: 1400, ipv4: Some(ends), ipv6: Some(ipv6), dns, ..agreed() }
}

/// What the kernel has of the link's interface: MTU, addresses, whether the entry's route is there; and the name servers.
fn kernels(interface: &Interface) -> (u32, Vec<String>, bool, String) {
    let addresses = net::addresses().unwrap().into_iter().filter(|(index, _)| *index == interface.index);
    let mut addresses: Vec<String> = addresses.map(|(_, address)| address.local.addr().to_string()).collect();
    addresses.sort();
    let way = net::Path::to("10.20.0.7".parse().unwrap()).unwrap();
    let routed = way.is_some_and(|way| way.interface == *interface);
    let servers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = servers.lines().filter_map(|line| line.strip_prefix("nameserver 10.")).collect();
    (interface.details().unwrap().unwrap().mtu, addresses, routed, servers)
}

#[test]
fn what_is_agreed_in_mid_link_takes_the_place_of_what_was() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, unix()).await.unwrap();
        let interface = context.registry.links()[0].interface().unwrap();
        let first = (1500, vec!["10.9.0.1".to_owned()], true, "9.0.53".to_owned());
        assert_eq!(kernels(&interface), first);
        let second = (1400, vec!["10.9.7.1".into(), "fe80::7".into()], true, "9.7.53".into());
        for (agreed, expected) in [(renewed(), second), (agreed(), first)] {
            pretend.links().renew(agreed.clone());
            let shown = || context.registry.links()[0].view().link.unwrap();
            let local = format!("{}/32", agreed.ipv4.unwrap().local);
            until(|| {
                let shown = shown();
                shown.addresses.first() == Some(&local) && shown.addresses.len() == expected.1.len()
            })
            .await;
            assert_eq!(kernels(&interface), expected);
            assert_eq!(shown().dns, [agreed.dns[0].to_string()]);
        }
        assert!(end_office(&context, |_| ()).await.ended[0].unproven.is_empty() && clean(&context));
    });
}

#[test]
fn the_way_to_the_server_follows_the_network_below() {
    let servers = ["10.20.0.9", "10.20.0.10"].map(|server| server.parse().unwrap()).to_vec();
    let script = LinkScript { servers, ..LinkScript::default() };
    if !Namespace::available() {
        return;
    }
    let namespace = Namespace::new();
    let ip = |command: &str| namespace.ip(&command.split(' ').collect::<Vec<_>>());
    for (name, net) in [("wire", "198.51.100"), ("air", "203.0.113")] {
        ip(&format!("link add {name} type veth peer name {name}-far"));
        ip(&format!("address add {net}.1/24 dev {name}"));
        ip(&format!("link set {name} up"));
        ip(&format!("link set {name}-far up"));
    }
    ip("route add default via 198.51.100.2");
    let ways = || [9, 10].map(|host| ip(&format!("route show 10.20.0.{host}")));
    let all_over =
        |name: &str| ways().iter().all(|way| way.matches("dev").count() == 1 && way.contains(name));
    namespace.run(|| {
        let workers = Runtime::new().unwrap();
        let pretend = Pretend::on(Script { link: script, ..Script::default() }, workers.handle().clone());
        let dir = tempfile::tempdir().unwrap();
        Runtime::new().unwrap().block_on(async {
            let context = context(dir.path(), &pretend);
            let watch = tokio::spawn(link::watch(context.clone()));
            // The watch begins before the task first waits.
            tokio::task::yield_now().await;
            dial(&context, unix()).await.unwrap();
            assert!(all_over("via 198.51.100.2 dev wire"), "{:?}", ways());
            ip("route replace default via 203.0.113.2 dev air");
            until(|| all_over("via 203.0.113.2 dev air")).await;
            // The kernel removes all routes of an interface that falls.
            ip("route add default via 198.51.100.2 metric 500");
            ip("link set air down");
            until(|| all_over("via 198.51.100.2 dev wire")).await;
            let report = end_office(&context, |_| ()).await;
            assert!(report.ended[0].unproven.is_empty(), "{report:?}");
            assert_eq!(ways().concat(), "");
            assert!(clean(&context));
            watch.abort();
        });
    });
}
