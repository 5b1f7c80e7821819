use std::net::Ipv4Addr;
use std::sync::Arc;

use gotatun::noise::TimerParams;
use gotatun::x25519::{PublicKey, StaticSecret};
use tokio::sync::oneshot;

use super::*;
use crate::engine::Traffic;

async fn device(
    key: &StaticSecret,
    peer: Peer,
    traffic: &Arc<Traffic>,
) -> (Device<impl DeviceTransports>, Slot) {
    let (slot, sender, receiver) = interface(1420, traffic);
    let builder = DeviceBuilder::new().with_default_udp().with_ip_pair(sender, receiver);
    let device = builder.with_private_key(key.clone()).with_peer(peer).build().await.unwrap();
    (device, slot)
}

/// The machine has slept for longer than keys are good.
#[tokio::test]
async fn keys_that_are_too_old_are_agreed_on_anew_when_a_sign_of_life_is_asked_for() {
    let (ours, theirs) = (StaticSecret::from([1; 32]), StaticSecret::from([2; 32]));
    let (far, _far) = device(&theirs, Peer::new(PublicKey::from(&ours)), &Arc::default()).await;
    let port = far.read(async |far| far.listen_port()).await;
    let (mut talk, orders, _reports) = Talk::new();
    let traffic = Arc::clone(&talk.traffic);
    let old_at_once =
        TimerParams { rekey_after_time: Duration::ZERO..=Duration::ZERO, ..TimerParams::default() };
    let peer = Peer::new(PublicKey::from(&theirs)).with_endpoint((Ipv4Addr::LOCALHOST, port).into());
    let peers = [peer.dangerously_with_timer_params(old_at_once)];
    let (near, slot) = device(&ours, peers[0].clone(), &traffic).await;

    let handshake = async || {
        let (done, refreshed) = oneshot::channel();
        orders.send(Order::Refresh(done)).await.unwrap();
        refreshed.await.unwrap();
        traffic.handshake().and_then(|ago| Instant::now().checked_sub(ago)).unwrap()
    };
    let asking = async {
        let first = handshake().await;
        // The tunnel's clock goes in quarters of a second.
        tokio::time::sleep_until(first + Duration::from_secs(1)).await;
        orders.send(Order::Check).await.unwrap();
        while handshake().await < first + Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        orders.send(Order::HangUp(Instant::now())).await.unwrap();
    };
    let all = async {
        first_handshake(&near, &peers).await;
        tokio::join!(carry(&near, &peers, &slot, &mut talk), asking);
        near.stop().await;
        far.stop().await;
    };
    tokio::time::timeout(HANDSHAKE, all).await.expect("hands are shaken anew");
}
