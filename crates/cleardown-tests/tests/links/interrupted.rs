//! Every state of a dial, ended by another process: nothing is left, the device answers, and the next dial works at once.

use cleardown_testkit::hayes::{CallResult, Modem};
use cleardown_tests::{eventually, needs_root};

use crate::exchange::Exchange;
use crate::telephone::Telephone;

/// What keeps a dial in a state.
struct Case {
    /// The state, as the list shows it.
    state: &'static str,
    call: CallResult,
    /// What of the peer is not heard.
    held: &'static [u16],
}

const LCP: u16 = 0xc021;
const CHAP: u16 = 0xc223;
const IPCP: u16 = 0x8021;
const IPV6CP: u16 = 0x8057;

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { state: "connect_device", call: CallResult::Silence, held: &[] },
    Case { state: "all_devices_connected", call: CallResult::Connect, held: &[LCP] },
    Case { state: "authenticate", call: CallResult::Connect, held: &[CHAP] },
    Case { state: "auth_project", call: CallResult::Connect, held: &[IPCP, IPV6CP] },
    // The pause before the next attempt.
    Case { state: "disconnected", call: CallResult::Busy, held: &[] },
];

#[test]
fn a_dial_can_be_ended_in_each_state() {
    needs_root!();
    for case in CASES {
        let telephone = Telephone::with("[dialling]\nredial_attempts = 1\nredial_pause_seconds = 3600\n");
        let Telephone { exchange, modem } = &telephone;
        modem.behave(Modem { result: case.call, ..Modem::default() });
        let dialling = telephone.start();
        if case.call == CallResult::Connect {
            telephone.put_through(case.held);
        }
        eventually(case.state, || {
            exchange
                .connection()
                .is_some_and(|c| c["link"]["state"] == case.state && c["status"] == "opening")
        });
        let answer = exchange.end(&["--timeout", "30"]).ok();
        let proof = &answer.json()["ended"][0]["proof"];
        assert_eq!(
            (&proof["device_answers"], &proof["worker_reaped"]),
            (&true.into(), &true.into()),
            "{answer}"
        );
        let answer = dialling.answer();
        assert_ne!(answer.code, 0);
        answer.says("631");
        assert!(modem.is_at_rest(), "{}: {:?}", case.state, modem.history());
        exchange.nothing_is_left();

        modem.behave(Modem::default());
        telephone.dial();
        exchange.end_proven();
        assert!(modem.is_at_rest(), "{}: {:?}", case.state, modem.history());
    }
}

#[test]
fn a_dial_that_still_opens_its_port_can_be_ended() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    let namespace = exchange.machine.namespace();
    // Somewhere from where no answer comes.
    for command in [
        "link add far0 type veth peer name far1",
        "address add 10.99.0.1/24 dev far0",
        "link set far0 up",
        "link set far1 up",
        "neighbour add 10.99.0.9 lladdr 02:00:00:00:00:09 dev far0",
    ] {
        namespace.ip(&command.split(' ').collect::<Vec<_>>());
    }
    eventually("the network rests", || {
        let once = namespace.snapshot();
        std::thread::sleep(std::time::Duration::from_millis(500));
        once == namespace.snapshot()
    });
    let before = namespace.snapshot();
    let far = ["phonebook", "add", "far", "--device", "tcp:10.99.0.9:4711", "--user", "eve"];
    exchange.machine.run(&far).ok();
    let password = exchange.machine.path("password").display().to_string();
    let dialling = exchange.machine.start(&["dial", "far", "--password-file", &password]);
    eventually("it opens the port", || {
        exchange
            .machine
            .connection("far")
            .is_some_and(|c| c["link"]["state"] == "open_port" && !c["worker_pid"].is_null())
    });
    exchange.machine.run(&["hangup", "far", "--timeout", "30"]).ok();
    dialling.answer().says("631");
    assert_eq!(before, namespace.snapshot());
    assert_eq!(exchange.journal(), 0);
}
