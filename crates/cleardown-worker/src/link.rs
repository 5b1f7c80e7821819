//! A link that this worker carries: what it does is told to the daemon as it happens.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_core::link::{Device, RasState};
use cleardown_core::{Code, Error, Result};
use cleardown_link::Job;
use cleardown_link::engine::{End, Order, Report, Talk, Traffic};
use cleardown_link::ppp::ipv6cp::Ipv6cp;
use cleardown_link::ppp::session;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::control::{Agreed, Dial, Ends, Event, LinkEnd, LinkStatus, Phase};
use crate::converse::Worker;
use crate::dial::was_asked_for;

/// How long a protocol may hang back when another runs already.
const LATECOMERS: Duration = Duration::from_secs(1);
/// What the engine may take beyond its deadline to say its last word.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How long a refreshed status may take.
const REFRESH: Duration = Duration::from_millis(100);
/// How often an idle time is looked at, in its own parts.
const IDLE_PARTS: u32 = 8;

/// A link, from its dial to its end.
pub(crate) struct Link {
    pub(crate) wish: Dial,
    pub(crate) secret: Option<Zeroizing<String>>,
    started: Instant,
    orders: mpsc::Sender<Order>,
    traffic: Arc<Traffic>,
    now: watch::Sender<Now>,
}

/// How a link is at the moment.
#[derive(Clone, Default)]
struct Now {
    state: Option<RasState>,
    /// The last state before the end began.
    during: Option<RasState>,
    words: String,
    agreed: Agreed,
    /// Every protocol has said whether it runs: the daemon may make the interface.
    settled: bool,
    interface: Option<Arc<OwnedFd>>,
    /// The end was asked for, and with this error if it was not the user's wish.
    told: bool,
    given_up: Option<Code>,
    end: Option<LinkEnd>,
}

impl Now {
    fn state(&self) -> RasState {
        self.state.unwrap_or(RasState::OpenPort)
    }

    fn during(&self) -> RasState {
        self.during.unwrap_or(RasState::OpenPort)
    }
}

impl Link {
    /// Starts to dial. Needs a tokio runtime.
    pub(crate) fn start(
        wish: Dial,
        secret: Option<Zeroizing<String>>,
        job: Job,
        worker: Weak<Worker>,
    ) -> Arc<Link> {
        let (talk, orders, reports) = Talk::new();
        let traffic = Arc::clone(&talk.traffic);
        let now = watch::Sender::new(Now::default());
        let link = Arc::new(Link { wish, secret, started: Instant::now(), orders, traffic, now });
        tokio::spawn(job.run(talk));
        tokio::spawn(Arc::clone(&link).follow(reports, worker));
        link
    }

    /// Waits until the network is agreed on, or the link has ended.
    pub(crate) async fn agreed(&self) -> Result<Agreed, LinkEnd> {
        let mut now = self.now.subscribe();
        let now = now.wait_for(|now| now.settled || now.end.is_some()).await;
        let now = now.expect("the link holds the sender").clone();
        now.end.map_or(Ok(now.agreed), Err)
    }

    /// The end that comes was not the user's wish, but has this reason.
    pub(crate) fn give_up(&self, code: Code) {
        self.now.send_modify(|now| now.given_up = Some(code));
    }

    /// Hangs up, and waits for the end: for an ended link, what its end was.
    pub(crate) async fn hang_up(&self, until: Instant) -> LinkEnd {
        self.now.send_modify(|now| now.told = true);
        let _ = self.orders.send(Order::HangUp(until.into())).await;
        let mut now = self.now.subscribe();
        let ended = now.wait_for(|now| now.end.is_some());
        let end = match tokio::time::timeout_at((until + LAST_WORD).into(), ended).await {
            Ok(Ok(now)) => now.end.clone(),
            _ => None,
        };
        end.unwrap_or_else(|| LinkEnd {
            code: Code::USER_DISCONNECTION,
            detail: "the link does not answer any more".into(),
            during: self.now.borrow().during(),
            acknowledged: false,
            device_answers: None,
        })
    }

    /// Takes the interface, and keeps a duplicate for a daemon that was restarted.
    pub(crate) fn give_interface(&self, interface: OwnedFd) -> Result<()> {
        let during = |error: std::io::Error| Error::os("taking the interface", &error);
        let kept = interface.try_clone().map_err(during)?;
        self.orders
            .try_send(Order::Interface(interface))
            .map_err(|error| during(std::io::Error::other(error)))?;
        self.now.send_modify(|now| {
            now.interface = Some(Arc::new(kept));
            (now.state, now.during) = (Some(RasState::Connected), Some(RasState::Connected));
        });
        Ok(())
    }

    pub(crate) fn interface(&self) -> Option<Arc<OwnedFd>> {
        self.now.borrow().interface.clone()
    }

    pub(crate) fn phase(&self) -> Phase {
        match &*self.now.borrow() {
            Now { end: Some(_), .. } => Phase::Closed,
            Now { interface: Some(_), .. } => Phase::Serving,
            Now { settled: true, .. } => Phase::Connected,
            _ => Phase::Connecting,
        }
    }

    /// Asks the engine for what it does not tell by itself.
    pub(crate) async fn refresh(&self) {
        let (done, refreshed) = tokio::sync::oneshot::channel();
        if matches!(self.wish.entry.device, Device::WireGuard { .. })
            && self.orders.try_send(Order::Refresh(done)).is_ok()
        {
            let _ = tokio::time::timeout(REFRESH, refreshed).await;
        }
    }

    /// The machine has slept: the engine is to find out whether the other end is still there.
    pub(crate) fn check(&self) {
        // A full queue has orders that make it look as well, or end it.
        let _ = self.orders.try_send(Order::Check);
    }

    pub(crate) fn status(&self) -> LinkStatus {
        let now = self.now.borrow();
        LinkStatus {
            entry: self.wish.entry.clone(),
            state: now.state(),
            device_words: now.words.clone(),
            agreed: now.settled.then(|| now.agreed.clone()),
            bytes_in: self.traffic.received(),
            bytes_out: self.traffic.sent(),
            handshake_seconds: self.traffic.handshake().map(|ago| ago.as_secs()),
            end: now.end.clone(),
        }
    }

    /// Follows the engine to its end.
    async fn follow(self: Arc<Self>, mut reports: mpsc::Receiver<Report>, worker: Weak<Worker>) {
        let tell = |event| {
            if let Some(worker) = worker.upgrade() {
                worker.tell(event);
            }
        };
        self.enter(RasState::OpenPort, &tell);
        let idle = Duration::from_secs(u64::from(self.wish.entry.dialling.idle_disconnect_seconds));
        let mut quiet = Quiet::new(idle);
        let mut latecomers = None;
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(Report::Ended(end)) => return self.ended(&end, &worker),
                    Some(report) => self.hear(report, &mut latecomers, &tell),
                    None => return,
                },
                () = until(latecomers) => {
                    latecomers = None;
                    self.settle(&tell);
                }
                () = quiet.tick(), if quiet.matters() => {
                    if quiet.has_lasted(&self.traffic, self.now.borrow().settled) {
                        tell(Event::LinkIdle);
                    }
                }
            }
        }
    }

    fn hear(&self, report: Report, latecomers: &mut Option<Instant>, tell: &impl Fn(Event)) {
        match report {
            Report::PortOpened(servers) => {
                self.now.send_modify(|now| now.agreed.servers = servers);
                self.enter(RasState::PortOpened, tell);
            }
            Report::Dialling => self.enter(RasState::ConnectDevice, tell),
            Report::DeviceConnected(words) => {
                self.now.send_modify(|now| now.words = words);
                self.enter(RasState::DeviceConnected, tell);
            }
            Report::TunnelUp { mtu } => {
                self.now.send_modify(|now| now.agreed.mtu = mtu);
                self.settle(tell);
            }
            Report::Ppp(event) => self.hear_ppp(event, latecomers, tell),
            Report::Resetting => self.enter(RasState::WaitForModemReset, tell),
            Report::Ended(_) => {}
        }
    }

    fn hear_ppp(&self, event: session::Event, latecomers: &mut Option<Instant>, tell: &impl Fn(Event)) {
        use session::{Event as Ppp, Phase};
        match event {
            Ppp::Phase(Phase::Establish) => self.enter(RasState::AllDevicesConnected, tell),
            Ppp::Phase(Phase::Authenticate) => self.enter(RasState::Authenticate, tell),
            Ppp::Phase(Phase::Network) => self.enter(RasState::AuthProject, tell),
            Ppp::LineAgreed { send, .. } => self.change(tell, |agreed| agreed.mtu = send.mru),
            Ppp::ChangingPassword => self.enter(RasState::AuthChangePassword, tell),
            Ppp::Authenticated(_) => self.enter(RasState::Authenticated, tell),
            Ppp::Ipv4Up { local, remote, dns } => {
                let remote = (!remote.is_unspecified()).then_some(remote);
                self.change(tell, |agreed| {
                    agreed.ipv4 = Some(Ends { local, remote });
                    agreed.dns = dns.into_iter().map(IpAddr::V4).collect();
                });
                latecomers.get_or_insert(Instant::now() + LATECOMERS);
            }
            Ppp::Ipv6Up { local, remote } => {
                let remote = (remote != 0).then(|| Ipv6cp::link_local(remote));
                let local = Ipv6cp::link_local(local);
                self.change(tell, |agreed| agreed.ipv6 = Some(Ends { local, remote }));
                latecomers.get_or_insert(Instant::now() + LATECOMERS);
            }
            Ppp::NetworkSettled => self.settle(tell),
            // A negotiation in mid-link: what held before holds until it is over.
            _ => {}
        }
    }

    /// Something else was agreed; the daemon hears of it when it has made the interface after what was before.
    fn change(&self, tell: &impl Fn(Event), change: impl FnOnce(&mut Agreed)) {
        let mut differs = false;
        self.now.send_modify(|now| {
            let before = now.agreed.clone();
            change(&mut now.agreed);
            differs = now.settled && now.agreed != before;
        });
        if differs {
            tell(Event::LinkAgreed(self.now.borrow().agreed.clone()));
        }
    }

    fn settle(&self, tell: &impl Fn(Event)) {
        if !self.now.borrow().settled {
            self.enter(RasState::Projected, tell);
            self.now.send_modify(|now| now.settled = true);
        }
    }

    /// A new state. Once connected, the states of a renegotiation are no news.
    fn enter(&self, state: RasState, tell: &impl Fn(Event)) {
        let news = self.now.send_if_modified(|now| {
            let news = !now.settled || state == RasState::WaitForModemReset;
            if news {
                now.state = Some(state);
                if state != RasState::WaitForModemReset {
                    now.during = Some(state);
                }
            }
            news
        });
        if news {
            let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            tell(Event::LinkState { state, at_ms });
        }
    }

    fn ended(&self, end: &End, worker: &Weak<Worker>) {
        let mut unasked = None;
        self.now.send_modify(|now| {
            let mut end_of_link = link_end(end, now.during());
            if was_asked_for(&end.why) {
                end_of_link.code = now.given_up.unwrap_or(end_of_link.code);
            }
            unasked = (!now.told).then(|| end_of_link.clone());
            now.state = Some(RasState::Disconnected);
            now.interface = None;
            now.end = Some(end_of_link);
        });
        if let Some(worker) = worker.upgrade() {
            // A failed dial has its answer; the event is for links that ran.
            if let Some(end) = unasked.filter(|_| self.now.borrow().settled) {
                worker.tell(Event::LinkEnded(end));
            }
            worker.changes.send_replace(());
        }
    }
}

/// How the engine's end is told.
pub(crate) fn link_end(end: &End, during: RasState) -> LinkEnd {
    LinkEnd {
        code: end.code(),
        detail: end.words().to_owned(),
        during,
        acknowledged: end.acknowledged,
        device_answers: end.device_answers,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// For how long nothing has passed.
struct Quiet {
    limit: Duration,
    seen: u64,
    parts: u32,
    next: Instant,
}

impl Quiet {
    fn new(limit: Duration) -> Self {
        Quiet { limit, seen: 0, parts: 0, next: Instant::now() + limit / IDLE_PARTS }
    }

    /// There is a limit, and it has not been told.
    fn matters(&self) -> bool {
        !self.limit.is_zero() && self.parts <= IDLE_PARTS
    }

    async fn tick(&self) {
        tokio::time::sleep_until(self.next.into()).await;
    }

    /// Looks whether something has passed since the last tick; true once when the limit is reached.
    fn has_lasted(&mut self, traffic: &Traffic, connected: bool) -> bool {
        self.next = Instant::now() + self.limit / IDLE_PARTS;
        let passed = traffic.received() + traffic.sent();
        self.parts = if connected && passed == self.seen { self.parts + 1 } else { 0 };
        self.seen = passed;
        if self.parts == IDLE_PARTS {
            self.parts += 1;
            return true;
        }
        false
    }
}
