//! The daemon's part: connections in a list, and servers that behave as their names say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cleardown_core::request::{DialRequest, EndRequest, MapRequest, Name, Verb, Which};
use cleardown_core::view::*;
use cleardown_core::{Error, ErrorKind, LocalName, Result};
use cleardown_ipc::{Call, Caller, Change, ProgressSink, Secret, Service, Values};
use futures_util::future::BoxFuture;
use std::sync::Mutex;
use tokio::sync::broadcast;

/// The password of the server `locked`: whatever can be typed on a terminal.
pub(crate) const AWKWARD: &str = "p,a\"s's w\\o=r$d%  é€🔑*";
/// The host key of the server `newhost`.
pub(crate) const FINGERPRINT: &str = "SHA256:0123456789abcdef";

/// The list, and what was asked.
pub(crate) struct Daemon {
    pub(crate) list: Mutex<Vec<Connection>>,
    pub(crate) requests: Mutex<Vec<MapRequest>>,
    pub(crate) dials: Mutex<Vec<DialRequest>>,
    /// The profile in which it looks entries up.
    pub(crate) config: std::sync::OnceLock<std::path::PathBuf>,
    /// How often the list was asked for.
    pub(crate) lists: AtomicUsize,
    /// Calls that were dropped before they were answered.
    pub(crate) cancelled: AtomicUsize,
    changes: broadcast::Sender<Change>,
}

impl Daemon {
    pub(crate) fn new() -> Daemon {
        Daemon {
            list: Mutex::default(),
            requests: Mutex::default(),
            dials: Mutex::default(),
            config: std::sync::OnceLock::new(),
            lists: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            changes: broadcast::channel(16).0,
        }
    }

    /// Lets a process hold a connection.
    pub(crate) fn hold(&self, name: &str) {
        let holder = Holder {
            pid: 4711,
            user: "eve".into(),
            program: "vim".into(),
            path: "/mnt/z/a.txt".into(),
            kind: HolderKind::File,
        };
        self.list.lock().unwrap().iter_mut().find(|c| c.name == name).unwrap().holders.push(holder);
    }

    pub(crate) fn announce(&self) {
        let c = self.list.lock().unwrap().first().cloned().unwrap();
        let _ = self.changes.send(Change::Changed("1".into(), c));
    }

    pub(super) fn find(&self, name: &str) -> Result<Connection> {
        let same = |c: &&Connection| match (name.parse::<LocalName>(), c.name.parse::<LocalName>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => c.name.eq_ignore_ascii_case(name),
        };
        let found = self.list.lock().unwrap().iter().find(same).cloned();
        found.ok_or_else(|| ErrorKind::NotConnected(name.into()).into())
    }

    async fn map(&self, request: MapRequest, secret: Option<Secret>, to: ProgressSink) -> Result<Connection> {
        self.requests.lock().unwrap().push(request.clone());
        let name = match &request.name {
            Name::Given(name) => name.to_string(),
            Name::FirstFree => "z:".into(),
            Name::Deviceless => request.remote.to_string(),
        };
        to.stage(&name, "connecting");
        let server = request.remote.authority();
        match server.as_str() {
            "locked" if secret.as_ref().map(Secret::expose) != Some(AWKWARD) => {
                let user = request.user.clone().unwrap_or_else(|| "guest".into());
                return Err(
                    Error::from(ErrorKind::Authentication { user, server }).because("STATUS_LOGON_FAILURE")
                );
            }
            "newhost" if request.accept_host_key.as_deref() != Some(FINGERPRINT) => {
                let (algorithm, fingerprint) = ("ssh-ed25519".into(), FINGERPRINT.into());
                return Err(ErrorKind::HostKeyUnknown { host: server, algorithm, fingerprint }.into());
            }
            "slow" => std::future::pending::<()>().await,
            _ => {}
        }
        if let Ok(there) = self.find(&name) {
            return Err(ErrorKind::NameInUse { name: there.name, remote: there.remote }.into());
        }
        let made = connection(&name, &request);
        self.list.lock().unwrap().push(made.clone());
        if request.remember && server == "plain" {
            to.stage(&name, "warning: the password is kept in a plain file");
        }
        Ok(made)
    }

    fn end(&self, request: &EndRequest) -> EndReport {
        let mut names = match &request.which {
            Which::Names(names) => names.clone(),
            Which::All => self.list.lock().unwrap().iter().map(|c| c.name.clone()).collect(),
        };
        // The real one, too, refuses at once what is not there.
        names.sort_by_key(|name| self.find(name).is_ok());
        let mut report = EndReport { version: JSON_VERSION, ..EndReport::default() };
        for name in names {
            match self.find(&name) {
                Err(error) => report.refused.push(refused(&name, Vec::new(), error)),
                Ok(c) if request.verb == Verb::Refuse && !c.holders.is_empty() => {
                    let error = ErrorKind::Busy { name: c.name.clone(), holders: c.holders.clone() };
                    report.refused.push(refused(&c.name, c.holders, error.into()));
                }
                Ok(c) => {
                    self.list.lock().unwrap().retain(|other| other.name != c.name);
                    report.ended.push(ended(&c, request));
                }
            }
        }
        report
    }

    async fn answer(&self, call: Call, progress: ProgressSink) -> Result<Values> {
        match call {
            Call::List { .. } => {
                let list = Values::of(&*self.list.lock().unwrap());
                self.lists.fetch_add(1, Ordering::SeqCst);
                list
            }
            Call::Status(name) => Values::of(&self.find(&name)?),
            Call::Holders(name) => {
                let unseen = vec!["processes in another mount namespace".to_owned()];
                Values::of(&Holders { holders: self.find(&name)?.holders, unseen })
            }
            Call::Map(request, secret) => Values::of(&self.map(request, secret, progress).await?),
            Call::Dial(request, secret) => Values::of(&self.dial(request, secret, &progress).await?),
            Call::End(request) => Values::of(&self.end(&request)),
            Call::Remember(name) | Call::Forget(name) => self.find(&name).map(|_| Values::none()),
            Call::Restore(_) => Values::of(&[(); 0]),
            _ => Err(ErrorKind::NotSupported("this".into()).into()),
        }
    }
}

fn connection(name: &str, request: &MapRequest) -> Connection {
    let deviceless = request.name == Name::Deviceless;
    Connection {
        name: name.into(),
        kind: if deviceless { Kind::Deviceless } else { Kind::Drive },
        status: Status::Connected,
        reason: None,
        at: (!deviceless).then(|| "/mnt/z".into()),
        remote: request.remote.to_string(),
        provider: request.remote.scheme.as_str().into(),
        user: request.user.clone(),
        owner: "eve".into(),
        remembered: request.remember,
        read_only: request.read_only,
        pending_bytes: 0,
        dialect: Some("SMB 3.1.1".into()),
        encryption: None,
        signing: None,
        references: 1,
        up_seconds: 1,
        worker_pid: Some(4000),
        servers: Vec::new(),
        holders: Vec::new(),
        unseen: Vec::new(),
        link: None,
    }
}

fn refused(name: &str, holders: Vec<Holder>, error: Error) -> Refused {
    Refused { name: name.into(), code: error.code(), reason: error.to_string(), holders, error }
}

fn ended(c: &Connection, request: &EndRequest) -> Ended {
    let forced = request.verb == Verb::Force && !c.holders.is_empty();
    let lost = if forced { vec![Loss { path: "a.txt".into(), bytes: 4096 }] } else { Vec::new() };
    if c.link.is_some() {
        return super::links::ended(c);
    }
    let proof = Proof::Drive(DriveProof {
        flushed_bytes: 0,
        acknowledged: !forced,
        mount_gone: true,
        session_closed: true,
        worker_reaped: true,
    });
    let unproven = Vec::new();
    Ended { name: c.name.clone(), proof, lost, unproven, took_ms: 12, forgotten: request.forget }
}

/// Counts a call that is dropped before its end.
struct Dropped<'a>(&'a Daemon, bool);
impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Service for Daemon {
    fn may(&self, _caller: Caller, _call: &Call) -> Result<()> {
        Ok(())
    }

    fn call(
        self: Arc<Self>,
        _: Caller,
        call: Call,
        progress: ProgressSink,
    ) -> BoxFuture<'static, Result<Values>> {
        Box::pin(async move {
            let mut dropped = Dropped(&self, false);
            let answer = self.answer(call, progress).await;
            dropped.1 = true;
            answer
        })
    }

    fn objects(&self) -> Vec<(String, Connection)> {
        Vec::new()
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
