//! The conversation between daemon and worker.
//!
//! JSON messages over a `SOCK_SEQPACKET` Unix socket, with descriptors beside them (`SCM_RIGHTS`). The socket is
//! `RUNTIME/workers/<id>.sock`, mode 0600; only the worker's own user and root are let in. The newest daemon
//! connection wins: a daemon that was restarted takes its predecessor's place.
//!
//! A worker may be older than the daemon that talks to it, for it outlives upgrades. So unknown fields are
//! ignored, unknown requests are answered with [`Reply::Failed`], and unknown events and replies are read as
//! `Unknown`; fields are only ever added, with a default.

mod channel;
mod client;
mod link;
mod message;
mod secret;
mod server;

pub use channel::{Channel, Frame, MAX_MESSAGE};
pub use client::Client;
pub use link::{Agreed, Dial, Ends, LinkEnd, LinkStatus};
pub use message::{
    Connect, Event, Failed, FromWorker, Phase, Reply, Request, Serve, ServerState, Session, ToWorker,
    VERSION, WorkerStatus, read_message,
};
pub use secret::{MAX_SECRET, read_secret, secret_descriptor};
pub use server::{Incoming, Listener, Peer};
