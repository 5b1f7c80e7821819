//! Any packets to both sides of each authentication: no panic, and nobody gets in who does not know the password.
#![no_main]

use std::time::Duration;

use cleardown_link::ppp::auth::client::{Client, Identity};
use cleardown_link::ppp::auth::server::{Server, Users};
use cleardown_link::ppp::auth::{Method, Outcome};
use cleardown_link::ppp::packet::Control;
use libfuzzer_sys::fuzz_target;

const RESTART: Duration = Duration::from_secs(3);

fuzz_target!(|input: &[u8]| {
    let Some((first, mut rest)) = input.split_first() else { return };
    let method = [Method::Pap, Method::ChapMd5, Method::MsChapV2][usize::from(first % 3)];
    let identity = Identity { user: "eve".into(), secret: "tiger-4711-never-guessed".to_owned().into(), new_secret: Some("lion-4711".to_owned().into()) };
    let users = Users::new([("eve", "tiger-4711-never-guessed")]);
    if first & 0x80 != 0 {
        users.expire();
    }
    let mut client = Client::new(method, identity, [7; 32], RESTART, 3, Duration::ZERO);
    let mut server = Server::new(method, users, [9; 16], RESTART, 3, Duration::ZERO);
    while let Some((length, more)) = rest.split_first() {
        let (packet, next) = more.split_at(more.len().min(usize::from(*length)));
        rest = next;
        if let Some(packet) = Control::parse(packet) {
            client.input(packet);
            server.input(packet);
        }
        let _ = (client.poll_transmit(), server.poll_transmit());
    }
    assert!(!matches!(server.outcome(), Outcome::Accepted(_)), "let in without the password");
    if method == Method::MsChapV2 {
        assert!(!matches!(client.outcome(), Outcome::Accepted(_)), "trusts a server without the password");
    }
});
