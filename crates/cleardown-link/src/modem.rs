//! A Hayes modem, without I/O: init, dial, answer codes, and the whole way back to command mode (ITU-T V.250).
//!
//! The machine takes what the line said, what the carrier-detect line does and the time; it gives octets to
//! write, orders for the DTR line, and events. It never waits by itself.

use std::collections::VecDeque;
use std::time::Duration;

use cleardown_core::Code;

type Moment = Duration;

/// How a modem is to be used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Commands before dialling, each with its `AT`; every one must be answered by `OK`.
    pub init: Vec<String>,
    /// Tone (`ATDT`) or pulse (`ATDP`) dialling; none: `ATD` with the number as it is (GSM: `*99#`).
    pub tone: Option<bool>,
    /// How long the modem may take to answer a command.
    pub command_timeout: Duration,
    /// How long the call may take until CONNECT (S7 is usually 50 s).
    pub connect_timeout: Duration,
    /// The silence around the escape sequence (S12: 1 s).
    pub guard: Duration,
    /// How long DTR must be low (S25 and a margin).
    pub dtr_low: Duration,
    /// The tty has a carrier-detect line, and so the fall of DTR can be seen to work.
    pub has_lines: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            init: vec!["ATE0Q0V1X4&C1&D2".into()],
            tone: Some(true),
            command_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(60),
            guard: Duration::from_millis(1100),
            dtr_low: Duration::from_millis(350),
            has_lines: true,
        }
    }
}

/// What the owner of the tty must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Write these octets.
    Write(Vec<u8>),
    /// Raise or drop DTR (on a tty without modem lines: speed B0 drops it).
    Dtr(bool),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other end answered; the line is in data mode. The modem's words, for example `57600 LAPM`.
    Connected(String),
    /// The call failed.
    Failed(Failure),
    /// The other end has hung up, or the carrier was lost, in data mode.
    CarrierLost,
    /// The line is free: the modem has answered `OK` to `AT`, and no carrier is left.
    Reset,
    /// The modem does not come back to command mode. It needs a hand on its switch.
    Wedged,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The modem does not answer commands.
    Silent,
    /// The modem refused a command.
    Command,
    /// BUSY.
    Busy,
    /// NO ANSWER, or CONNECT did not come in time.
    NoAnswer,
    /// NO CARRIER.
    NoCarrier,
    /// NO DIALTONE.
    NoDialTone,
}

impl Failure {
    /// The number in `raserror.h`.
    pub fn ras(self) -> Code {
        match self {
            Failure::Silent => Code::HARDWARE_FAILURE,
            Failure::Command => Code::PORT_OR_DEVICE,
            Failure::Busy => Code::LINE_BUSY,
            Failure::NoAnswer => Code::NO_ANSWER,
            Failure::NoCarrier => Code::NO_CARRIER,
            Failure::NoDialTone => Code::NO_DIALTONE,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The modem should be in command mode, nothing under way.
    Idle,
    /// Waiting for the answer to init command `n`.
    Init(usize),
    Dialling,
    Online,
    /// DTR is low.
    DtrLow,
    /// `ATH` sent, in the hope that the fall of DTR was enough.
    Asking,
    /// Silence before `+++`.
    GuardBefore,
    /// `+++` sent; OK comes after the silence behind it.
    Escaping,
    /// `ATH` sent.
    HangingUp,
    /// `AT` sent: the proof. With how many tries left.
    Probing(u8),
}

/// How long a modem may take to answer the `ATH` after the fall of DTR.
const ASKING: Duration = Duration::from_millis(500);
/// How long a modem may take to answer beyond the guard time behind `+++`.
const ESCAPED: Duration = Duration::from_millis(700);
/// The longest answer line that is kept.
const LONGEST_LINE: usize = 256;

/// The machine.
#[derive(Debug)]
pub struct Modem {
    config: Config,
    number: String,
    state: State,
    carrier: bool,
    deadline: Option<Moment>,
    line: Vec<u8>,
    orders: VecDeque<Order>,
    events: VecDeque<Event>,
}

impl Modem {
    /// A modem in command mode.
    pub fn new(config: Config) -> Self {
        Modem {
            config,
            number: String::new(),
            state: State::Idle,
            carrier: false,
            deadline: None,
            line: Vec::new(),
            orders: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The next thing to do to the tty.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::timeout`] is due.
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Octets from the line belong to the call, and not to the modem.
    pub fn is_online(&self) -> bool {
        self.state == State::Online
    }

    /// Starts a call. Only digits, letters and the signs that V.250 dials are taken from `number`.
    pub fn dial(&mut self, number: &str, now: Moment) {
        self.number =
            number.chars().filter(|c| c.is_ascii_alphanumeric() || "*#,+!@-;".contains(*c)).collect();
        self.orders.push_back(Order::Dtr(true));
        self.initialise(0, now);
    }

    /// Ends the call from any state, and proves that the modem is back.
    pub fn hang_up(&mut self, now: Moment) {
        self.orders.push_back(Order::Dtr(false));
        self.enter(State::DtrLow, self.config.dtr_low, now);
    }

    /// How long [`Self::hang_up`] takes with a modem that answers, at most: by way of the escape sequence.
    pub fn hang_up_time(&self) -> Duration {
        self.config.dtr_low + ASKING + 2 * self.config.guard + ESCAPED
    }

    /// The carrier-detect line changed.
    pub fn carrier(&mut self, on: bool, now: Moment) {
        let lost = self.carrier && !on;
        self.carrier = on;
        if lost && self.state == State::Online {
            self.events.push_back(Event::CarrierLost);
        } else if lost
            && matches!(self.state, State::Asking | State::GuardBefore | State::Escaping | State::HangingUp)
        {
            self.probe(2, now);
        }
    }

    /// Octets from the line in command mode. Returns what follows a CONNECT line: it is the call's already.
    pub fn input<'a>(&mut self, octets: &'a [u8], now: Moment) -> &'a [u8] {
        for (at, octet) in octets.iter().enumerate() {
            if self.is_online() {
                return &octets[at..];
            }
            match octet {
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let text = String::from_utf8_lossy(&line).trim().to_owned();
                    if !text.is_empty() {
                        self.answer(&text, now);
                    }
                    if self.is_online() {
                        let rest = &octets[at + 1..];
                        return rest.strip_prefix(b"\n").unwrap_or(rest);
                    }
                }
                other if self.line.len() < LONGEST_LINE => self.line.push(*other),
                _ => {}
            }
        }
        &[]
    }

    /// The timer.
    pub fn timeout(&mut self, now: Moment) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        match self.state {
            State::Idle | State::Online => {}
            State::Init(_) => self.fail(Failure::Silent),
            State::Dialling => self.fail(Failure::NoAnswer),
            State::DtrLow => {
                self.orders.push_back(Order::Dtr(true));
                if self.config.has_lines && !self.carrier {
                    self.probe(2, now);
                } else {
                    self.command("ATH", State::Asking, now);
                    self.deadline = Some(now + ASKING);
                }
            }
            State::Asking => self.enter(State::GuardBefore, self.config.guard, now),
            State::GuardBefore => {
                self.orders.push_back(Order::Write(b"+++".to_vec()));
                self.enter(State::Escaping, self.config.guard + ESCAPED, now);
            }
            // No OK: either it was in command mode already, and the line has to be finished, or it hears nothing.
            State::Escaping => {
                self.command("\rATH", State::HangingUp, now);
                self.deadline = Some(now + ESCAPED);
            }
            State::HangingUp => self.probe(2, now),
            State::Probing(0) => {
                self.state = State::Idle;
                self.events.push_back(Event::Wedged);
            }
            State::Probing(tries) => self.probe(tries - 1, now),
        }
    }

    fn answer(&mut self, text: &str, now: Moment) {
        let word = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
        match self.state {
            State::Init(at) if word("OK") => self.initialise(at + 1, now),
            State::Init(_) if word("ERROR") || word("+CME ERROR") => self.fail(Failure::Command),
            State::Dialling if word("CONNECT") => {
                self.state = State::Online;
                self.deadline = None;
                self.events.push_back(Event::Connected(text["CONNECT".len()..].trim().to_owned()));
            }
            State::Dialling => self.call_answer(&word),
            // The fall of DTR was enough.
            State::DtrLow if word("NO CARRIER") => {
                self.orders.push_back(Order::Dtr(true));
                self.probe(2, now);
            }
            State::Asking if word("OK") || word("NO CARRIER") => self.probe(2, now),
            State::Escaping if word("OK") => self.command("ATH", State::HangingUp, now),
            State::Escaping | State::HangingUp if word("NO CARRIER") => self.probe(2, now),
            State::HangingUp if word("OK") || word("ERROR") => self.probe(2, now),
            State::Probing(_) if word("OK") => {
                self.deadline = None;
                self.state = State::Idle;
                let free = !(self.config.has_lines && self.carrier);
                self.events.push_back(if free { Event::Reset } else { Event::Wedged });
            }
            _ => {}
        }
    }

    fn call_answer(&mut self, word: &dyn Fn(&str) -> bool) {
        const ANSWERS: [(&str, Failure); 7] = [
            ("BUSY", Failure::Busy),
            ("NO ANSWER", Failure::NoAnswer),
            ("NO CARRIER", Failure::NoCarrier),
            ("NO DIALTONE", Failure::NoDialTone),
            ("NO DIAL TONE", Failure::NoDialTone),
            ("ERROR", Failure::Command),
            ("+CME ERROR", Failure::Command),
        ];
        if let Some((_, failure)) = ANSWERS.iter().find(|(start, _)| word(start)) {
            self.fail(*failure);
        }
    }

    fn initialise(&mut self, at: usize, now: Moment) {
        if let Some(command) = self.config.init.get(at).cloned() {
            self.command(&command, State::Init(at), now);
            return;
        }
        let way = match self.config.tone {
            Some(true) => "ATDT",
            Some(false) => "ATDP",
            None => "ATD",
        };
        let dial = format!("{way}{}", self.number);
        self.command(&dial, State::Dialling, now);
        self.deadline = Some(now + self.config.connect_timeout);
    }

    fn probe(&mut self, tries: u8, now: Moment) {
        self.command("AT", State::Probing(tries), now);
        self.deadline = Some(now + self.config.command_timeout / 3);
    }

    fn command(&mut self, command: &str, state: State, now: Moment) {
        self.line.clear();
        self.orders.push_back(Order::Write(format!("{command}\r").into_bytes()));
        self.enter(state, self.config.command_timeout, now);
    }

    fn enter(&mut self, state: State, patience: Duration, now: Moment) {
        self.state = state;
        self.deadline = Some(now + patience);
    }

    fn fail(&mut self, failure: Failure) {
        self.state = State::Idle;
        self.deadline = None;
        self.events.push_back(Event::Failed(failure));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    fn written(modem: &mut Modem) -> String {
        std::iter::from_fn(|| modem.poll_order())
            .filter_map(|order| match order {
                Order::Write(octets) => Some(String::from_utf8(octets).unwrap()),
                Order::Dtr(_) => None,
            })
            .collect()
    }

    fn online(config: Config) -> Modem {
        let mut modem = Modem::new(config);
        modem.dial("555-1234", at(0));
        assert_eq!(written(&mut modem), "ATE0Q0V1X4&C1&D2\r");
        modem.input(b"\r\nOK\r\n", at(10));
        assert_eq!(written(&mut modem), "ATDT555-1234\r");
        modem.carrier(true, at(20));
        let rest = modem.input(b"\r\nCONNECT 57600\r\n\x7e\xff", at(20));
        assert_eq!(rest, b"\x7e\xff");
        assert_eq!(modem.poll_event(), Some(Event::Connected("57600".into())));
        modem
    }

    #[test]
    fn the_answers_of_a_call_have_ras_numbers() {
        for (answer, ras) in
            [("BUSY", 676), ("NO ANSWER", 678), ("NO CARRIER", 679), ("NO DIALTONE", 680), ("ERROR", 692)]
        {
            let mut modem = Modem::new(Config { init: vec![], ..Config::default() });
            modem.dial("1", at(0));
            modem.input(format!("ATDT1\r\r\n{answer}\r\n").as_bytes(), at(5));
            let Some(Event::Failed(failure)) = modem.poll_event() else { panic!("{answer}") };
            assert_eq!(failure.ras().0, ras);
        }
    }

    #[test]
    fn with_lines_the_fall_of_dtr_is_enough() {
        let mut modem = online(Config::default());
        modem.hang_up(at(1000));
        assert_eq!(modem.poll_order(), Some(Order::Dtr(false)));
        modem.carrier(false, at(1100));
        modem.timeout(at(1350));
        assert_eq!(modem.poll_order(), Some(Order::Dtr(true)));
        assert_eq!(written(&mut modem), "AT\r");
        modem.input(b"\r\nOK\r\n", at(1360));
        assert_eq!(modem.poll_event(), Some(Event::Reset));
        assert_eq!(modem.deadline(), None);
    }

    #[test]
    fn without_lines_the_escape_is_guarded_by_silence() {
        let mut modem = online(Config { has_lines: false, ..Config::default() });
        modem.hang_up(at(1000));
        modem.timeout(at(1350));
        assert_eq!(written(&mut modem), "ATH\r", "perhaps the fall of DTR was enough");
        modem.timeout(at(1850));
        modem.timeout(at(2900));
        assert_eq!(written(&mut modem), "", "the guard time is not over");
        modem.timeout(at(2950));
        assert_eq!(written(&mut modem), "+++");
        modem.input(b"\r\nOK\r\n", at(4100));
        assert_eq!(written(&mut modem), "ATH\r");
        modem.input(b"\r\nOK\r\n", at(4110));
        assert_eq!(written(&mut modem), "AT\r");
        modem.input(b"\r\nOK\r\n", at(4120));
        assert_eq!(modem.poll_event(), Some(Event::Reset));
    }

    #[test]
    fn without_lines_a_modem_that_minds_dtr_is_not_escaped_from() {
        let mut modem = online(Config { has_lines: false, ..Config::default() });
        modem.hang_up(at(1000));
        modem.input(b"\r\nNO CARRIER\r\n", at(1200));
        assert_eq!(written(&mut modem), "AT\r");
        modem.input(b"\r\nOK\r\n", at(1210));
        assert_eq!(modem.poll_event(), Some(Event::Reset));
    }

    #[test]
    fn a_modem_that_never_answers_is_reported_and_not_waited_for_ever() {
        let mut modem = online(Config::default());
        modem.hang_up(at(1000));
        let mut last = at(1000);
        while let Some(deadline) = modem.deadline() {
            last = deadline;
            modem.timeout(deadline);
        }
        assert_eq!(modem.poll_event(), Some(Event::Wedged));
        assert!(last < at(20_000));
    }

    #[test]
    fn a_lost_carrier_is_told_once() {
        let mut modem = online(Config::default());
        modem.carrier(false, at(2000));
        modem.carrier(false, at(2001));
        assert_eq!(modem.poll_event(), Some(Event::CarrierLost));
        assert_eq!(modem.poll_event(), None);
    }

    #[test]
    fn a_number_cannot_carry_a_command() {
        let mut modem = Modem::new(Config { init: vec![], tone: None, ..Config::default() });
        modem.dial("*99#\rATH0\r", at(0));
        assert_eq!(written(&mut modem), "ATD*99#ATH0\r");
    }

    proptest! {
        #[test]
        fn whatever_the_modem_says_a_hang_up_ends(
            says in prop::collection::vec(prop_oneof![
                Just(b"OK\r".to_vec()), Just(b"ERROR\r".to_vec()), Just(b"NO CARRIER\r".to_vec()),
                Just(b"CONNECT\r".to_vec()), prop::collection::vec(any::<u8>(), 0..40),
            ], 0..40),
            has_lines in any::<bool>(),
        ) {
            let mut modem = Modem::new(Config { has_lines, ..Config::default() });
            modem.dial("1", at(0));
            let mut now = at(0);
            for (i, octets) in says.iter().enumerate() {
                now += at(7);
                modem.input(octets, now);
                if i == says.len() / 2 {
                    modem.hang_up(now);
                }
            }
            modem.hang_up(now);
            while let Some(deadline) = modem.deadline() {
                now = deadline;
                modem.timeout(now);
            }
            let last = std::iter::from_fn(|| modem.poll_event()).last();
            prop_assert_eq!(last, Some(Event::Wedged));
        }
    }
}
