//! What a hostile client on the private socket cannot do.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::view::Connection;
use cleardown_core::{ErrorKind, Result};
use cleardown_ipc::{Call, Caller, Change, ProgressSink, Service, Values, server};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::sync::broadcast;
use zbus::Message;

/// A service that knows its version, and lets nobody map a drive.
struct Fake(broadcast::Sender<Change>);

impl Service for Fake {
    fn may(&self, _: Caller, call: &Call) -> Result<()> {
        match call {
            Call::Map(..) => Err(ErrorKind::NotPermitted("mapping".into()).into()),
            _ => Ok(()),
        }
    }
    fn call(self: Arc<Self>, _: Caller, _: Call, _: ProgressSink) -> BoxFuture<'static, Result<Values>> {
        async { Values::of("0.1.0") }.boxed()
    }
    fn objects(&self) -> Vec<(String, Connection)> {
        Vec::new()
    }
    fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}

/// A service on a socket.
struct World {
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = {
            let _guard = runtime.enter();
            tokio::net::UnixListener::bind(folder.path().join("bus")).unwrap()
        };
        let service = Arc::new(Fake(broadcast::Sender::new(1)));
        runtime.spawn(server::listen(listener, service, Default::default()));
        World { folder, _runtime: runtime }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("bus")).unwrap();
        // Far more than the service takes for anything, but for what it waits for.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// A client that has introduced itself.
    fn client(&self) -> UnixStream {
        let mut stream = self.connect();
        let uid: String =
            rustix::process::geteuid().as_raw().to_string().bytes().map(|b| format!("{b:02x}")).collect();
        write!(stream, "\0AUTH EXTERNAL {uid}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n").unwrap();
        let mut said = Vec::new();
        while said.iter().filter(|byte| **byte == b'\n').count() < 2 {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        assert!(said.ends_with(b"AGREE_UNIX_FD\r\n"));
        stream
    }
}

fn request<B: serde::Serialize + zbus::DynamicType>(member: &str, body: &B) -> Vec<u8> {
    let message = Message::method_call("/org/cleardown/Cleardown1", member.to_owned()).unwrap_body(body);
    message.data().bytes().to_vec()
}

trait UnwrapBody {
    fn unwrap_body<B: serde::Serialize + zbus::DynamicType>(self, body: &B) -> Message;
}
impl UnwrapBody for zbus::message::Builder<'_> {
    fn unwrap_body<B: serde::Serialize + zbus::DynamicType>(self, body: &B) -> Message {
        self.interface("org.cleardown.Manager1").build(body).unwrap()
    }
}

/// The next answer: its type (2 for a value, 3 for an error; D-Bus specification, "Message Types") and all of it.
fn answer(stream: &mut UnixStream) -> (u8, String) {
    let mut head = [0; 16];
    stream.read_exact(&mut head).unwrap();
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let mut rest = vec![0; number(12).next_multiple_of(8) + number(4)];
    stream.read_exact(&mut rest).unwrap();
    (head[1], String::from_utf8_lossy(&rest).into_owned())
}

/// Whether the service has hung up (or does within the time that a read may take).
fn is_cut_off(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn send_with(stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
}

#[test]
fn a_request_of_nearly_the_longest_length_is_answered() {
    let world = World::new();
    let mut client = world.client();
    client.write_all(&request("Version", &"x".repeat(server::LONGEST - 300))).unwrap();
    assert_eq!(answer(&mut client).0, 2);
    client.write_all(&request("Version", &())).unwrap();
    assert_eq!(answer(&mut client).0, 2);
}

#[test]
fn who_announces_a_longer_one_is_cut_off_before_it_is_sent() {
    let world = World::new();
    for length in [server::LONGEST, 127 << 20] {
        let mut client = world.client();
        let mut head = request("Version", &"x");
        head[4..8].copy_from_slice(&(length as u32).to_le_bytes());
        client.write_all(&head[..16]).unwrap();
        assert!(is_cut_off(&mut client));
    }
}

#[test]
fn a_request_brings_one_descriptor_and_no_more() {
    let world = World::new();
    let null: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
    let call = request("Version", &());
    let mut client = world.client();
    send_with(&client, &call, &[null.as_fd(); 40]);
    assert!(is_cut_off(&mut client), "together");
    let mut client = world.client();
    for byte in call.chunks(8).take(2) {
        send_with(&client, byte, &[null.as_fd()]);
    }
    assert!(is_cut_off(&mut client), "one by one");
}

#[test]
fn an_endless_greeting_is_cut_off() {
    let world = World::new();
    for greeting in [&b"\0A"[..], b"\0A\n", b"\0AUTH\r\n\n", b"\0AUTH\r\n"] {
        let mut client = world.connect();
        client.write_all(greeting).unwrap();
        let endless = std::iter::repeat_n(b"AUTH\r\n", 10_000).map(|line| client.write_all(line));
        // Either writing fails or reading what it has said comes to an end.
        let _ = endless.take_while(|written| written.is_ok()).count();
        let mut said = Vec::new();
        let _ = client.read_to_end(&mut said);
        assert!(said.len() < 4096 && is_cut_off(&mut client));
    }
}

#[test]
fn nothing_is_waited_for_that_comes_from_who_may_not_call() {
    let world = World::new();
    let mut client = world.client();
    // Nobody ever writes into this pipe.
    let (secret, _writer) = std::io::pipe().unwrap();
    let secret = zbus::Variant::Fd(secret.as_fd().into());
    let wish = std::collections::HashMap::from([
        ("name", zbus::Variant::from("z:")),
        ("remote", zbus::Variant::from("//fs1/x")),
        ("secret", secret),
    ]);
    let message = Message::method_call("/org/cleardown/Cleardown1", "Map").unwrap_body(&wish);
    let descriptors: Vec<_> = message.data().fds().iter().map(AsFd::as_fd).collect();
    send_with(&client, message.data().bytes(), &descriptors);
    let (kind, text) = answer(&mut client);
    assert!(kind == 3 && text.contains("NotPermitted"), "{text}");
}
