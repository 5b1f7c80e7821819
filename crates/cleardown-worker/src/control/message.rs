//! What is said.

use std::net::IpAddr;

use cleardown_core::link::RasState;
use cleardown_core::request::Kerberos;
use cleardown_core::view::{Loss, Offered};
use cleardown_core::{Error, Remote};
use serde::{Deserialize, Serialize};

use super::link::{Agreed, Dial, LinkEnd, LinkStatus};

/// The version of the protocol; both ends say theirs in every message. It grows when a message changes its
/// meaning, which it should never do.
pub const VERSION: u32 = 1;

/// A message from the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToWorker {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// Chosen by the daemon; its reply carries it back.
    pub id: u64,
    /// What is asked.
    pub request: Request,
}

/// A message from the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// The answer to the request with this id.
    Reply {
        /// The request's id.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// Something that happened.
    Event(Event),
}

/// What the daemon asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Log on. With one descriptor beside it: the secret (see [`super::secret_descriptor`]). Stages are told
    /// as [`Event::Stage`]. Answer: [`Reply::Connected`].
    Connect(Connect),
    /// Tell what the server in this wish offers; its share does not matter, and nothing is carried afterwards. With one
    /// descriptor beside it: the secret. Answer: [`Reply::Shares`].
    Shares(Connect),
    /// Keep what a dead worker has left, until [`Request::Serve`], lest it die with the daemon while this one logs on.
    /// Descriptors: the FUSE descriptor, the arena, and the secret if there is one; [`Request::Descriptors`] and
    /// [`Request::Secret`] give them back. Answer: [`Reply::Done`].
    Keep,
    /// Serve the file system. Descriptors: the FUSE descriptor, then the arena. Answer: [`Reply::Serving`],
    /// once the server loop runs.
    Serve(Serve),
    /// How are you? Answered at once, whatever the network does. Answer: [`Reply::Status`].
    Status,
    /// Let no new opens in (or let them in again). Answer: [`Reply::Done`].
    Quiesce {
        /// Whether opens are refused from now on.
        on: bool,
    },
    /// Write what is pending and wait for the server's acknowledgement; [`Event::Progress`] meanwhile.
    /// Answer: [`Reply::Drained`].
    Drain {
        /// How long it may take, in milliseconds.
        deadline_ms: u64,
    },
    /// The machine is about to sleep: write what is pending, and let no application wait for a server that does not answer
    /// when the time is over. Answer: [`Reply::Drained`].
    Sleep {
        /// How long it may take, in milliseconds.
        deadline_ms: u64,
    },
    /// The machine has slept: look at once whether the server, or the other end of a link, is still there. Answer:
    /// [`Reply::Done`], before that is known.
    Wake,
    /// Close all handles and log off; the file system is to be unmounted before. Answer: [`Reply::Closed`].
    Close {
        /// How long it may take, in milliseconds.
        deadline_ms: u64,
    },
    /// Drop the server's connection now; every request of an application fails. Answer: [`Reply::Aborted`].
    Abort,
    /// Give the secret back: a daemon that was restarted needs it to replace this worker some day. Answer:
    /// [`Reply::Secret`], with one descriptor unless there is no secret.
    Secret,
    /// Give duplicates of the FUSE descriptor and the arena: a daemon that was restarted keeps them for the next
    /// worker. Answer: [`Reply::Descriptors`], with those two descriptors, or none before [`Request::Keep`] or
    /// [`Request::Serve`]. For a link: the one of the interface, or none before [`Request::Interface`].
    Descriptors,
    /// Dial a link. With one descriptor beside it: the secret. The way is told as [`Event::LinkState`]. Answer:
    /// [`Reply::Agreed`], once the network is agreed on; a failed dial answers when the device is at rest again.
    Dial(Box<Dial>),
    /// Here is the link's interface: the descriptor of a TUN without packet information. Answer: [`Reply::Done`].
    Interface,
    /// Hang up, also in the middle of a dial (which then fails with 631). Answer: [`Reply::HungUp`]; again for
    /// a link that has ended already.
    HangUp {
        /// How long it may take, in milliseconds; what is not proven then is left.
        deadline_ms: u64,
    },
    /// A worker before this one was killed: open its port once more and bring its device to rest, without dialling.
    /// Answer: [`Reply::HungUp`], whose `device_answers` is the proof.
    Reset {
        /// What that worker had dialled.
        dial: Box<Dial>,
        /// How long it may take, in milliseconds.
        deadline_ms: u64,
    },
    /// End the process, without draining or logging off. Answer: [`Reply::Done`], and then the end of the
    /// conversation.
    Exit,
    /// A request that this worker does not know.
    #[serde(other)]
    Unknown,
}

/// How to log on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connect {
    /// The share.
    pub remote: Remote,
    /// The user on the server, if one was given.
    #[serde(default)]
    pub user: Option<String>,
    /// Only the session is wanted: the share need not have folders.
    #[serde(default)]
    pub deviceless: bool,
    /// Never write to the share.
    #[serde(default)]
    pub read_only: bool,
    /// Log on with Kerberos.
    #[serde(default)]
    pub kerberos: Option<Kerberos>,
    /// The session of a worker that has died: the server is to end it first. None for the first worker of a drive.
    #[serde(default)]
    pub previous: Option<u64>,
    /// A host key fingerprint (`SHA256:...`) that the user has accepted.
    #[serde(default)]
    pub accept_host_key: Option<String>,
    /// How long logging on may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long one request may take once connected, in milliseconds.
    #[serde(default = "default_request_timeout")]
    pub request_timeout_ms: u64,
}

fn default_request_timeout() -> u64 {
    30_000
}

/// How to serve the file system.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Serve {
    /// Whom files without an owner of their own belong to.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// Refuse changes.
    #[serde(default)]
    pub read_only: bool,
    /// Users other than the owner (and root) may use the mount.
    #[serde(default)]
    pub allow_other: bool,
    /// The FUSE session has begun already: skip its hand-shake, replay what the arena holds, and have the kernel
    /// resend what the worker before did not answer.
    #[serde(default)]
    pub adopt: bool,
}

/// What the worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// It is done, and there is nothing to say.
    Done,
    /// Logged on.
    Connected {
        /// What the two ends agreed on.
        session: Session,
    },
    /// What a server offers.
    Shares {
        /// All shares, hidden ones too.
        shares: Vec<Offered>,
    },
    /// The file system is served.
    Serving,
    /// How the worker is.
    Status(Box<WorkerStatus>),
    /// Draining is over: everything was acknowledged, or `failed` names what was not.
    Drained {
        /// Bytes that were pending at the start and have been acknowledged.
        flushed_bytes: u64,
        /// Nothing is pending any more, and the server acknowledged every write and flush.
        acknowledged: bool,
        /// Files with bytes that are still pending or could not be written, and why.
        #[serde(default)]
        failed: Vec<Failed>,
    },
    /// Logged off.
    Closed {
        /// The server answered the log-off.
        session_closed: bool,
    },
    /// Aborted.
    Aborted {
        /// The files that lost something.
        lost: Vec<Loss>,
    },
    /// The secret is in the descriptor beside this message, if there is one.
    Secret {
        /// Whether there is one.
        present: bool,
    },
    /// The FUSE descriptor and the arena are beside this message, if there are any.
    Descriptors {
        /// Whether there are any.
        present: bool,
    },
    /// The network is agreed on: the link wants its interface.
    Agreed(Agreed),
    /// The link has ended.
    HungUp(LinkEnd),
    /// It could not be done.
    Failed {
        /// Why.
        error: Error,
    },
    /// An answer that this daemon does not know.
    #[serde(other)]
    Unknown,
}

/// A file whose data could not be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The path on the share.
    pub path: String,
    /// Bytes that the server has not acknowledged.
    pub bytes: u64,
    /// The server's words, when it refused; none when the time ran out.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the worker says unasked. Events may be lost when the daemon does not read them;
/// [`Request::Status`] has the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// What logging on is busy with: `resolving`, `connecting`, `authenticating`, ...
    Stage {
        /// The stage, in one word.
        stage: String,
    },
    /// How far draining is.
    Progress {
        /// Bytes that are still pending.
        bytes_left: u64,
        /// Bytes per second over the last moments.
        rate: u64,
    },
    /// The connection to the server broke; the worker tries to get it back.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// It is back.
    Reconnected,
    /// The kernel unmounted the file system, and not because we were told. The worker drains, logs off and ends.
    KernelGone,
    /// Draining and log-off after [`Event::KernelGone`] or SIGTERM are over, and the process ends now.
    Ended {
        /// The server acknowledged everything.
        acknowledged: bool,
        /// The server answered the log-off.
        session_closed: bool,
        /// Files that lost something.
        #[serde(default)]
        lost: Vec<Loss>,
    },
    /// A dial has reached this state. The network agreed on is in the answer to [`Request::Dial`].
    LinkState {
        /// The state.
        state: RasState,
        /// Milliseconds since the dial began.
        at_ms: u64,
    },
    /// Something else was agreed with the peer in mid-link.
    LinkAgreed(Agreed),
    /// Nothing has passed through the link for as long as its entry allows: it is to be hung up. Told once.
    LinkIdle,
    /// The link ended, and not because we were told; its device is at rest again, or not.
    LinkEnded(LinkEnd),
    /// Another daemon connection took this one's place.
    Replaced,
    /// An event that this daemon does not know.
    #[serde(other)]
    Unknown,
}

/// What the two ends agreed on, as the daemon shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `SMB 3.1.1`, `SFTP 3`.
    pub dialect: String,
    /// The cipher, or none.
    #[serde(default)]
    pub encryption: Option<String>,
    /// The signing algorithm, or none.
    #[serde(default)]
    pub signing: Option<String>,
    /// The user on the server.
    #[serde(default)]
    pub user: String,
    /// The server lets us only read.
    #[serde(default)]
    pub read_only: bool,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing yet.
    #[default]
    Idle,
    /// Logging on.
    Connecting,
    /// Logged on, no file system.
    Connected,
    /// Serving the file system.
    Serving,
    /// Logged off, or aborted.
    Closed,
    /// A phase that this daemon does not know.
    #[serde(other)]
    Unknown,
}

/// How the server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ServerState {
    /// It answers, as far as we know.
    #[default]
    Up,
    /// The connection broke, and the worker tries to get it back.
    Reconnecting {
        /// Why it broke.
        reason: String,
    },
}

/// How a worker is; all from its memory and its descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// [`VERSION`] of the worker.
    pub version: u32,
    /// Its process id.
    pub pid: u32,
    /// What it is doing.
    pub phase: Phase,
    /// The share, once [`Request::Connect`] came.
    #[serde(default)]
    pub remote: Option<Remote>,
    /// What was agreed with the server.
    #[serde(default)]
    pub session: Option<Session>,
    /// How the server is.
    #[serde(default)]
    pub server: ServerState,
    /// The addresses that the connections of a drive go to at this moment.
    #[serde(default)]
    pub servers: Vec<IpAddr>,
    /// Bytes that applications have written and the server has not acknowledged.
    #[serde(default)]
    pub pending_bytes: u64,
    /// The files that they belong to (the first thousand).
    #[serde(default)]
    pub pending: Vec<Loss>,
    /// Files that applications have open.
    #[serde(default)]
    pub open_files: u64,
    /// Locks that applications hold (the first hundreds): the process that took it, and the path on the drive.
    #[serde(default)]
    pub locks: Vec<(u32, String)>,
    /// New opens are refused.
    #[serde(default)]
    pub quiesced: bool,
    /// The kernel unmounted the file system behind our back.
    #[serde(default)]
    pub kernel_gone: bool,
    /// Whether a secret is held, to be asked for with [`Request::Secret`].
    #[serde(default)]
    pub has_secret: bool,
    /// The link, when it carries one. Then `phase` is connecting until the network is agreed on, serving when it has its
    /// interface, and closed when it has ended.
    #[serde(default)]
    pub link: Option<Box<LinkStatus>>,
}

/// Reads bytes as a message of either end.
///
/// # Panics
/// When what was read is not written in a way that reads the same: that is a fault.
#[doc(hidden)]
pub fn read_message(bytes: &[u8]) {
    fn there_and_back<T: Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
        let Ok(message) = serde_json::from_slice::<T>(bytes) else { return };
        let Ok(written) = serde_json::to_string(&message) else { return };
        let again = serde_json::from_str::<T>(&written).map(|message| serde_json::to_string(&message));
        assert!(matches!(again, Ok(Ok(again)) if again == written), "{written}");
    }
    there_and_back::<ToWorker>(bytes);
    there_and_back::<FromWorker>(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is worth keeping of fuzzing, again in every run, whole and cut off anywhere.
    #[test]
    fn the_corpus_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/control");
        let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty());
        for path in inputs {
            let message = std::fs::read(path).unwrap();
            (0..=message.len()).for_each(|end| read_message(&message[..end]));
        }
    }

    #[test]
    fn what_is_unknown_is_read_as_unknown() {
        let from_the_future =
            r#"{"version":9,"id":7,"request":{"type":"levitate","height":3},"colour":"blue"}"#;
        let message: ToWorker = serde_json::from_str(from_the_future).unwrap();
        assert!(matches!(message.request, Request::Unknown));
        let event: FromWorker = serde_json::from_str(r#"{"event":{"type":"sunrise","at":6}}"#).unwrap();
        assert!(matches!(event, FromWorker::Event(Event::Unknown)));
        let connect =
            r#"{"version":1,"id":1,"request":{"type":"connect","remote":"//fs1/x","timeout_ms":5,"new":1}}"#;
        let Request::Connect(connect) = serde_json::from_str::<ToWorker>(connect).unwrap().request else {
            panic!()
        };
        assert_eq!(connect.request_timeout_ms, 30_000);
    }
}
