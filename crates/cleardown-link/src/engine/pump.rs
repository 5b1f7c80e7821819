//! The loop of a link: whoever has something to say is heard, and nobody waits for another.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::interface::Interface;
use super::{End, Order, Plan, Report, Talk, Traffic, Why};
use crate::hdlc::{Accm, Deframer, frame};
use crate::line::{Line, Open};
use crate::modem::{self, Modem};
use crate::ppp::packet::protocol;
use crate::ppp::session::{self, Phase, Reason, Received, Session};

/// Octets that may wait for the line before the interface is no longer read.
const FULL: usize = 128 << 10;
/// Packets read from the interface in one go.
const BURST: usize = 32;

/// How long the reset of a modem may take after an end that nobody asked for.
const RESET: Duration = Duration::from_secs(10);
/// What a modem says in the middle of a call when the carrier is gone.
const NO_CARRIER: &[u8] = b"NO CARRIER\r\n";
/// How long the line must be silent after those words before they are believed: a datagram may hold them.
const SILENCE: Duration = Duration::from_millis(500);

pub(super) struct Pump {
    line: Open,
    source: Line,
    modem: Option<Modem>,
    number: String,
    session: Session,
    deframer: Deframer,
    tun: Option<Interface>,
    /// How the peer wants its frames; known once LCP has agreed.
    accm: Accm,
    out: Vec<u8>,
    sent: usize,
    start: Instant,
    /// None once the owner is gone.
    orders: Option<mpsc::Receiver<Order>>,
    reports: mpsc::Sender<Report>,
    traffic: Arc<Traffic>,
    /// The moment by which the owner wants to be done.
    limit: Option<Instant>,
    /// The moment after which the peer is no longer waited for, since the modem needs the rest of the time.
    peer_limit: Option<Instant>,
    /// When the modem's word that the carrier is gone will be believed.
    silent_at: Option<Instant>,
    /// IP has been agreed on.
    ran: bool,
    /// The modem is on its way back to rest.
    resetting: bool,
    end: Option<End>,
    done: bool,
}

impl Pump {
    pub(super) fn new(plan: Plan, line: Open, talk: Talk) -> Self {
        let (modem, number) = match plan.modem {
            Some((mut config, number)) => {
                config.has_lines &= line.serial().is_some_and(|serial| serial.has_lines());
                (Some(Modem::new(config)), number)
            }
            None => (None, String::new()),
        };
        // Twice the MRU: a peer may send more than was agreed, and a frame without check is never used.
        let longest = usize::from(plan.ppp.line.mru).max(1500) * 2;
        Pump {
            line,
            source: plan.line,
            modem,
            number,
            session: Session::new(plan.ppp),
            deframer: Deframer::new(longest),
            tun: None,
            accm: Accm::DEFAULT,
            out: Vec::new(),
            sent: 0,
            start: Instant::now(),
            orders: Some(talk.orders),
            reports: talk.reports,
            traffic: talk.traffic,
            limit: None,
            peer_limit: None,
            silent_at: None,
            ran: false,
            resetting: false,
            end: None,
            done: false,
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Dials, carries and ends.
    pub(super) async fn run(mut self) -> End {
        let now = self.now();
        match &mut self.modem {
            Some(modem) => {
                let _ = self.reports.send(Report::Dialling).await;
                modem.dial(&self.number, now);
            }
            None => self.session.open(now),
        }
        self.until_done().await
    }

    /// Brings the modem to rest, and nothing else.
    pub(super) async fn rest(mut self, limit: Instant) -> End {
        (self.orders, self.limit) = (None, Some(limit));
        self.note_end(Why::Cancelled, false);
        self.reset();
        self.until_done().await
    }

    async fn until_done(mut self) -> End {
        let mut from_line = vec![0; 64 << 10];
        let mut from_tun = Vec::new();
        let mut timer = std::pin::pin!(tokio::time::sleep_until(Instant::now()));
        while !self.done {
            self.settle().await;
            if self.done {
                break;
            }
            // What the peer can receive is known once it has been agreed on, and may be agreed on anew.
            let longest = self.tun.as_ref().map_or(0, |tun| tun.longest(self.session.mtu())) + 64;
            from_tun.resize(from_tun.len().max(longest), 0);
            self.turn(&mut from_line, &mut from_tun, timer.as_mut()).await;
        }
        self.line.close().await;
        self.end.unwrap_or_else(|| End::of(Why::Cancelled))
    }

    /// Waits for one thing to happen and deals with it.
    async fn turn(&mut self, from_line: &mut [u8], from_tun: &mut [u8], mut timer: Pin<&mut Sleep>) {
        let deadline = self.deadline();
        // To set a timer costs more than a datagram.
        if let Some(deadline) = deadline.filter(|deadline| *deadline != timer.deadline()) {
            timer.as_mut().reset(deadline);
        }
        let pending = self.sent < self.out.len();
        let room = self.out.len() - self.sent < FULL;
        tokio::select! {
            biased;
            order = next_order(self.orders.as_mut()) => self.order(order),
            () = timer, if deadline.is_some() => self.timeout().await,
            written = self.line.write(&self.out[self.sent..]), if pending => match written {
                Ok(written) => self.written(written),
                Err(_) => self.line_lost().await,
            },
            read = self.line.read(from_line) => match read {
                Ok(0) | Err(_) => self.line_lost().await,
                Ok(read) => self.input(&from_line[..read]),
            },
            read = next_packet(self.tun.as_ref(), from_tun), if room => match read {
                Ok(length @ 1..) => self.send_datagrams(length, from_tun),
                // The interface is gone: the link goes on, and its owner will end it or bring another.
                _ => self.tun = None,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let modem = self.modem.as_ref().and_then(Modem::deadline);
        let machine = modem.into_iter().chain(self.session.deadline()).min().map(|at| self.start + at);
        machine.into_iter().chain(self.limit).chain(self.peer_limit).chain(self.silent_at).min()
    }

    fn order(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Interface(tun)) => self.tun = Interface::new(tun).ok(),
            Some(Order::HangUp(limit)) => self.hang_up(limit),
            Some(Order::Check) => self.session.check(self.start.elapsed()),
            // PPP shakes no hands.
            Some(Order::Refresh(done)) => drop(done),
            None => {
                self.orders = None;
                if self.limit.is_none() {
                    self.hang_up(Instant::now() + RESET);
                }
            }
        }
    }

    fn hang_up(&mut self, limit: Instant) {
        self.limit = Some(limit);
        if self.session.phase() != Phase::Dead {
            self.peer_limit = self.modem.as_ref().map(|modem| patience(limit, modem.hang_up_time()));
            self.session.close(self.start.elapsed());
        } else if self.modem.is_none() {
            self.done = true;
        } else if !self.resetting {
            self.note_end(Why::Cancelled, false);
            self.reset();
        }
    }

    /// From here on only the modem matters.
    fn reset(&mut self) {
        let now = self.now();
        if let Some(modem) = &mut self.modem {
            self.resetting = true;
            self.peer_limit = None;
            self.silent_at = None;
            modem.hang_up(now);
            self.limit.get_or_insert(Instant::now() + RESET);
            let _ = self.reports.try_send(Report::Resetting);
        }
    }

    async fn timeout(&mut self) {
        let now = self.now();
        let passed = |limit: Option<Instant>| limit.is_some_and(|limit| Instant::now() >= limit);
        if passed(self.limit) {
            self.give_up(now);
            return;
        }
        if passed(self.silent_at) {
            self.silent_at = None;
            self.session.line_lost(now);
        }
        if passed(self.peer_limit) {
            self.peer_limit = None;
            self.session.line_lost(now);
        }
        self.look_at_carrier(now);
        if let Some(modem) = &mut self.modem {
            modem.timeout(now);
        }
        self.session.timeout(now);
    }

    /// The deadline has passed: what is not proven stays unproven.
    fn give_up(&mut self, now: Duration) {
        if self.session.phase() != Phase::Dead {
            self.session.line_lost(now);
        }
        self.take_end();
        self.done = true;
    }

    fn look_at_carrier(&mut self, now: Duration) {
        let carrier = self.line.serial().and_then(|serial| serial.carrier());
        if let (Some(modem), Some(on)) = (&mut self.modem, carrier) {
            modem.carrier(on, now);
        }
    }

    /// The line broke. A terminal does so when the carrier falls, and must be opened again before its modem can be asked.
    async fn line_lost(&mut self) {
        let now = self.now();
        self.out.clear();
        self.sent = 0;
        if self.session.phase() != Phase::Dead {
            self.session.line_lost(now);
        }
        self.take_end();
        self.note_end(Why::Ppp(Reason::LineLost), false);
        let serial = matches!(self.source, Line::Serial { .. });
        if self.modem.is_none() || !serial || self.resetting {
            self.done = true;
            return;
        }
        if let Some(serial) = self.line.serial() {
            serial.release();
        }
        match self.source.open().await {
            Ok(line) => {
                self.line = line;
                self.reset();
            }
            Err(error) => {
                tracing::warn!(%error, "the modem's port cannot be opened again");
                self.done = true;
            }
        }
    }

    /// Takes the protocol's last word from its events; the others no longer matter.
    fn take_end(&mut self) {
        while let Some(event) = self.session.poll_event() {
            if let session::Event::Ended { reason, acknowledged } = event {
                self.note_end(Why::Ppp(reason), acknowledged);
            }
        }
    }

    fn input(&mut self, octets: &[u8]) {
        let now = self.now();
        let rest = match &mut self.modem {
            Some(modem) if !modem.is_online() => modem.input(octets, now),
            _ => octets,
        };
        let online = self.modem.as_ref().is_none_or(Modem::is_online);
        if online && self.modem.is_some() && self.session.phase() == Phase::Dead && self.end.is_none() {
            self.session.open(now);
        }
        let (session, tun) = (&mut self.session, &mut self.tun);
        let mut received = 0;
        self.deframer.feed(rest, |frame| match session.input(frame, now) {
            Received::Control => {}
            Received::Ipv4(datagram) | Received::Ipv6(datagram) => {
                received += datagram.len();
                tun.iter_mut().for_each(|tun| tun.write(datagram));
            }
        });
        tun.iter_mut().for_each(Interface::flush);
        self.traffic.add_received(received);
        let on_call = self.modem.is_some() && self.session.phase() != Phase::Dead;
        let says_so = on_call && self.deframer.partial().ends_with(NO_CARRIER);
        self.silent_at = says_so.then(|| Instant::now() + SILENCE);
    }

    /// Frames the datagrams of a packet that was read, and of those that wait behind it.
    fn send_datagrams(&mut self, mut length: usize, buffer: &mut [u8]) {
        let Some(tun) = &self.tun else { return };
        let headers = [self.session.header(protocol::IPV4), self.session.header(protocol::IPV6)];
        for _ in 0..BURST {
            tun.split(&mut buffer[..length], |head, data| {
                let header = if head[0] >> 4 == 6 { &headers[1] } else { &headers[0] };
                self.traffic.add_sent(head.len() + data.len());
                frame(&[header, head, data], self.accm, &mut self.out);
            });
            if self.out.len() - self.sent >= FULL {
                return;
            }
            match tun.read_more(buffer) {
                Some(read) => length = read,
                None => return,
            }
        }
    }

    fn written(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent > FULL {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Carries out what the machines want, and tells the owner what happened.
    async fn settle(&mut self) {
        // The call comes before what is made of it.
        self.settle_modem().await;
        while let Some(out) = self.session.poll_transmit() {
            frame(&[&out.bytes], out.accm, &mut self.out);
        }
        while let Some(event) = self.session.poll_event() {
            if let session::Event::LineAgreed { send, receive } = &event {
                self.accm = send.accm;
                self.deframer.set_receive_map(receive.accm);
            }
            if let session::Event::Ended { reason, acknowledged } = event {
                self.note_end(Why::Ppp(reason), acknowledged);
                self.ppp_ended();
                continue;
            }
            self.ran |= matches!(event, session::Event::Ipv4Up { .. } | session::Event::Ipv6Up { .. });
            let _ = self.reports.send(Report::Ppp(event)).await;
        }
        self.settle_modem().await;
    }

    /// Remembers the first end.
    fn note_end(&mut self, why: Why, acknowledged: bool) {
        let device_answers = self.modem.is_some().then_some(false);
        self.end.get_or_insert(End { why, ran: self.ran, acknowledged, device_answers });
    }

    /// PPP has said its last word; what it wrote must leave before the line is dropped, then the modem is reset.
    fn ppp_ended(&mut self) {
        if self.modem.is_some() {
            self.reset();
        } else {
            let _ = self.flush_now();
            self.done = true;
        }
    }

    /// A last Terminate-Ack is a courtesy: it is written if the line takes it at once.
    fn flush_now(&mut self) -> io::Result<()> {
        use std::os::fd::AsFd;
        let sent = rustix::io::write(self.line.as_fd(), &self.out[self.sent..])?;
        self.written(sent);
        Ok(())
    }

    async fn settle_modem(&mut self) {
        let Some(modem) = &mut self.modem else { return };
        let mut dtr = None;
        while let Some(order) = modem.poll_order() {
            match order {
                modem::Order::Write(octets) => self.out.extend_from_slice(&octets),
                modem::Order::Dtr(on) => dtr = Some(on),
            }
        }
        let events: Vec<_> = std::iter::from_fn(|| modem.poll_event()).collect();
        if let (Some(on), Some(serial)) = (dtr, self.line.serial()) {
            // Before DTR falls the carrier is expected to: that is not the line's end.
            let _ = serial.mind_carrier(false);
            let _ = serial.set_dtr(on);
        }
        for event in events {
            self.modem_event(event).await;
        }
    }

    async fn modem_event(&mut self, event: modem::Event) {
        match event {
            modem::Event::Connected(words) => {
                if let Some(serial) = self.line.serial() {
                    let _ = serial.mind_carrier(true);
                }
                let _ = self.reports.send(Report::DeviceConnected(words)).await;
                if self.session.phase() == Phase::Dead {
                    let now = self.now();
                    self.session.open(now);
                }
            }
            modem::Event::Failed(failure) => {
                self.note_end(Why::Call(failure), false);
                self.reset();
            }
            modem::Event::CarrierLost => {
                let now = self.now();
                self.session.line_lost(now);
            }
            modem::Event::Reset | modem::Event::Wedged => {
                if let Some(end) = &mut self.end {
                    end.device_answers = Some(event == modem::Event::Reset);
                }
                self.done = true;
            }
        }
    }
}

/// How long the peer may be waited for when `reserve` is needed afterwards: to the last quarter at least.
fn patience(limit: Instant, reserve: Duration) -> Instant {
    let now = Instant::now();
    let least = now + limit.saturating_duration_since(now) / 4;
    limit.checked_sub(reserve).map_or(least, |at| at.max(least))
}

async fn next_order(orders: Option<&mut mpsc::Receiver<Order>>) -> Option<Order> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for a packet from the interface.
async fn next_packet(tun: Option<&Interface>, into: &mut [u8]) -> io::Result<usize> {
    match tun {
        Some(tun) => tun.read(into).await,
        None => std::future::pending().await,
    }
}
