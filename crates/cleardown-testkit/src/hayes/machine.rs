//! The modem's mind: command mode and data mode, registers, results (V.250, sections 5 and 6).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{CallResult, Modem};

/// The guard time around the escape sequence (S12: 50 fiftieths of a second).
const GUARD: Duration = Duration::from_secs(1);
/// How long DTR must be low to count (S25: 5 hundredths of a second).
const DTR_DELAY: Duration = Duration::from_millis(50);

/// What the thread has to do.
#[derive(Debug)]
pub(super) enum Act {
    Say(Vec<u8>),
    Send(Vec<u8>),
    Connect,
    Disconnect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Command,
    Dialling,
    Data,
    HangingUp,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) modem: Modem,
    pub(super) wedged: bool,
    pub(super) off: bool,
    pub(super) history: Vec<String>,
    pub(super) acts: VecDeque<Act>,
    mode: Mode,
    /// There is a call, also when the escape sequence has led to command mode.
    connected: bool,
    echo: bool,
    dtr: bool,
    line: Vec<u8>,
    /// When the mode in progress (dialling, hanging up) is over, and what is said then.
    due: Option<(Instant, &'static str)>,
    dtr_due: Option<Instant>,
    last_data: Instant,
    plus: usize,
    escape_due: Option<Instant>,
}

impl Machine {
    pub(super) fn new(modem: Modem) -> Self {
        Machine {
            modem,
            wedged: false,
            off: false,
            history: Vec::new(),
            acts: VecDeque::new(),
            mode: Mode::Command,
            connected: false,
            echo: true,
            dtr: true,
            line: Vec::new(),
            due: None,
            dtr_due: None,
            last_data: Instant::now(),
            plus: 0,
            escape_due: None,
        }
    }

    pub(super) fn is_online(&self) -> bool {
        self.mode == Mode::Data && !self.wedged
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.mode == Mode::Command && !self.connected && !self.wedged
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.due.map(|(at, _)| at);
        due.into_iter().chain(self.dtr_due).chain(self.escape_due).min()
    }

    pub(super) fn input(&mut self, octets: &[u8], now: Instant) {
        if self.wedged {
            return;
        }
        match self.mode {
            Mode::Data => self.data(octets, now),
            // Any octet gives a call up that is being made.
            Mode::Dialling => self.hang_up("NO CARRIER", now),
            Mode::HangingUp => {}
            Mode::Command => {
                if self.echo {
                    self.acts.push_back(Act::Say(octets.to_vec()));
                }
                for octet in octets {
                    match octet {
                        b'\r' if self.mode == Mode::Command => {
                            let line = std::mem::take(&mut self.line);
                            self.command(&String::from_utf8_lossy(&line).trim().to_uppercase(), now);
                        }
                        other if self.line.len() < 256 => self.line.push(*other),
                        _ => {}
                    }
                }
            }
        }
    }

    fn data(&mut self, octets: &[u8], now: Instant) {
        let silent = now.saturating_duration_since(self.last_data) >= GUARD;
        let plus = octets.iter().all(|octet| *octet == b'+');
        self.plus = if plus && (self.plus > 0 || silent) { self.plus + octets.len() } else { 0 };
        self.escape_due = (self.plus == 3).then(|| now + GUARD);
        self.last_data = now;
        self.acts.push_back(Act::Send(octets.to_vec()));
    }

    fn command(&mut self, line: &str, now: Instant) {
        self.history.push(line.to_lowercase());
        let Some(rest) = line.strip_prefix("AT") else { return };
        if let Some(number) = rest.strip_prefix('D') {
            self.history.push(format!("dial {number}"));
            self.mode = Mode::Dialling;
            let said = match self.modem.result {
                CallResult::Connect => "CONNECT 115200",
                CallResult::Busy => "BUSY",
                CallResult::NoCarrier => "NO CARRIER",
                CallResult::NoDialTone => "NO DIALTONE",
                CallResult::NoAnswer => "NO ANSWER",
                CallResult::Silence => return,
            };
            self.due = Some((now + self.modem.dialling, said));
        } else if rest.starts_with('H') && self.connected {
            self.hang_up("OK", now);
        } else {
            self.echo &= !rest.starts_with("E0");
            self.say("OK");
        }
    }

    pub(super) fn dtr(&mut self, on: bool, now: Instant) {
        if self.wedged || on == self.dtr {
            return;
        }
        self.dtr = on;
        self.history.push(if on { "dtr high" } else { "dtr low" }.to_owned());
        self.dtr_due = (!on && self.modem.minds_dtr).then(|| now + DTR_DELAY);
    }

    pub(super) fn drop_carrier(&mut self, now: Instant) {
        if self.connected && self.mode != Mode::HangingUp {
            self.history.push("carrier lost".into());
            self.hang_up("NO CARRIER", now);
        }
    }

    fn hang_up(&mut self, said: &'static str, now: Instant) {
        self.mode = Mode::HangingUp;
        self.escape_due = None;
        self.due = Some((now + self.modem.hanging_up, said));
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        if self.wedged {
            (self.due, self.dtr_due, self.escape_due) = (None, None, None);
            return;
        }
        if self.dtr_due.take_if(|at| now >= *at).is_some() && matches!(self.mode, Mode::Data | Mode::Dialling)
        {
            self.hang_up("NO CARRIER", now);
        }
        if self.escape_due.take_if(|at| now >= *at).is_some() {
            self.history.push("escape".into());
            self.mode = Mode::Command;
            self.say("OK");
        }
        if let Some((_, said)) = self.due.take_if(|(at, _)| now >= *at) {
            self.line.clear();
            let connect = said.starts_with("CONNECT");
            if connect {
                self.history.push("connect".into());
                self.acts.push_back(Act::Connect);
            } else if self.connected {
                self.history.push("on hook".into());
                self.acts.push_back(Act::Disconnect);
            }
            self.connected = connect;
            self.last_data = now;
            self.mode = if connect { Mode::Data } else { Mode::Command };
            self.say(said);
        }
    }

    fn say(&mut self, words: &str) {
        self.acts.push_back(Act::Say(format!("\r\n{words}\r\n").into_bytes()));
    }
}
