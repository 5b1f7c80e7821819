//! Telling the kernel: a thread of its own, because the kernel may make a notification wait for requests that
//! only we can answer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use cleardown_fuse::Notifier;
use cleardown_share::Share;
use parking_lot::Mutex;

/// A message.
#[derive(Debug)]
pub(crate) enum Tell {
    /// Data and attributes of a node are out of date.
    Data(u64),
    /// Only its attributes.
    Attributes(u64),
    /// A name is to be looked up again.
    Name(u64, Vec<u8>),
    /// The kernel has been told all that came before: answer the server's lease break.
    Acknowledge(u64),
}

/// Where messages go.
#[derive(Debug)]
pub(crate) struct Kernel {
    sender: SyncSender<Tell>,
    receiver: Mutex<Option<Receiver<Tell>>>,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = sync_channel(4096);
        Kernel { sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Never waits. What does not fit is left out: the kernel believes what it was told for a second only.
    pub(crate) fn tell(&self, message: Tell) {
        if let Err(TrySendError::Full(message)) = self.sender.try_send(message) {
            tracing::warn!(?message, "too many notifications for the kernel");
        }
    }

    /// Starts the thread, which ends with the drive.
    pub(crate) fn start(&self, notifier: Notifier, share: Arc<dyn Share>) -> std::io::Result<()> {
        let Some(receiver) = self.receiver.lock().take() else { return Ok(()) };
        std::thread::Builder::new().name("fuse-notify".into()).spawn(move || {
            for message in receiver {
                let told = match message {
                    Tell::Data(node) => notifier.inval_inode(node, 0, 0),
                    Tell::Attributes(node) => notifier.inval_inode(node, -1, 0),
                    Tell::Name(parent, name) => notifier.expire_entry(parent, &name),
                    Tell::Acknowledge(ticket) => {
                        share.lease_break_done(ticket);
                        Ok(())
                    }
                };
                if let Err(error) = told {
                    tracing::debug!(%error, "notifying the kernel failed");
                }
            }
        })?;
        Ok(())
    }
}
