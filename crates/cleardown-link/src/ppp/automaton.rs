//! The option-negotiation automaton of RFC 1661, section 4: the table as data, and the machine that follows it.

/// The states (section 4.2). The numbers are the RFC's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Lower layer down, no open asked for.
    #[default]
    Initial = 0,
    /// Open asked for, lower layer down.
    Starting = 1,
    /// Lower layer up, no open asked for.
    Closed = 2,
    /// The passive counterpart of Closed: waiting for the peer after a finish.
    Stopped = 3,
    /// Terminate-Request sent, by our own wish.
    Closing = 4,
    /// Terminate-Request sent or answered, by the peer's wish.
    Stopping = 5,
    /// Configure-Request sent.
    ReqSent = 6,
    /// Configure-Request sent, acknowledged by the peer.
    AckRcvd = 7,
    /// Configure-Request sent, the peer's acknowledged by us.
    AckSent = 8,
    /// Agreed both ways.
    Opened = 9,
}

/// The events (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The lower layer is ready.
    Up,
    /// The lower layer is gone.
    Down,
    /// We want the layer.
    Open,
    /// We do not want it any more.
    Close,
    /// The restart timer ran out, and there are tries left.
    TimeoutRetry,
    /// The restart timer ran out for the last time.
    TimeoutGiveUp,
    /// Configure-Request, acceptable.
    RequestGood,
    /// Configure-Request, not acceptable.
    RequestBad,
    /// Configure-Ack.
    Ack,
    /// Configure-Nak or -Reject.
    Nak,
    /// Terminate-Request.
    TerminateRequest,
    /// Terminate-Ack.
    TerminateAck,
    /// An unknown code.
    UnknownCode,
    /// Code- or Protocol-Reject that can be lived with.
    RejectGood,
    /// Code- or Protocol-Reject of something that cannot be done without.
    RejectBad,
    /// Echo-Request, Echo-Reply or Discard-Request.
    Echo,
}

/// The actions (section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// tlu: tell the layers above that this one is up.
    ThisLayerUp,
    /// tld: tell them that it is going down.
    ThisLayerDown,
    /// tls: ask the layer below to start.
    ThisLayerStarted,
    /// tlf: tell the layer below that it is not needed.
    ThisLayerFinished,
    /// irc, before a Configure-Request.
    InitConfigureCount,
    /// irc, before a Terminate-Request.
    InitTerminateCount,
    /// zrc: let one period pass, then give up.
    ZeroCount,
    /// scr.
    SendRequest,
    /// sca.
    SendAck,
    /// scn.
    SendNak,
    /// str.
    SendTerminateRequest,
    /// sta.
    SendTerminateAck,
    /// scj.
    SendCodeReject,
    /// ser.
    SendEchoReply,
}

/// The RFC's table: the next state and the actions in order. `None` is the table's dash: the event cannot
/// happen in that state, and is ignored when a peer or a caller makes it happen.
///
/// The RFC's options are taken: no restart (`r`), no passive wait (`p`); the crossed-connection mark (`x`) is the
/// plain transition.
pub fn transition(state: State, event: Event) -> Option<(State, &'static [Action])> {
    use Action::*;
    use Event as E;
    use State::*;
    const IRC: Action = InitConfigureCount;
    const ITC: Action = InitTerminateCount;
    const SCR: Action = SendRequest;
    const STA: Action = SendTerminateAck;
    const STR: Action = SendTerminateRequest;
    const TLD: Action = ThisLayerDown;
    const TLF: Action = ThisLayerFinished;
    let to: (State, &'static [Action]) = match (event, state) {
        (E::Up, Initial) => (Closed, &[]),
        (E::Up, Starting) => (ReqSent, &[IRC, SCR]),
        (E::Up, _) => return None,

        (E::Down, Closed | Closing) => (Initial, &[]),
        (E::Down, Stopped) => (Starting, &[ThisLayerStarted]),
        (E::Down, Stopping | ReqSent | AckRcvd | AckSent) => (Starting, &[]),
        (E::Down, Opened) => (Starting, &[TLD]),
        (E::Down, _) => return None,

        (E::Open, Initial) => (Starting, &[ThisLayerStarted]),
        (E::Open, Closed) => (ReqSent, &[IRC, SCR]),
        (E::Open, Closing) => (Stopping, &[]),
        (E::Open, state) => (state, &[]),

        (E::Close, Starting) => (Initial, &[TLF]),
        (E::Close, Stopped) => (Closed, &[]),
        (E::Close, Stopping) => (Closing, &[]),
        (E::Close, ReqSent | AckRcvd | AckSent) => (Closing, &[ITC, STR]),
        (E::Close, Opened) => (Closing, &[TLD, ITC, STR]),
        (E::Close, state) => (state, &[]),

        (_, Initial | Starting) => return None,

        (E::TimeoutRetry, Closing | Stopping) => (state, &[STR]),
        (E::TimeoutRetry, ReqSent | AckRcvd) => (ReqSent, &[SCR]),
        (E::TimeoutRetry, AckSent) => (AckSent, &[SCR]),
        (E::TimeoutRetry, _) => return None,
        (E::TimeoutGiveUp, Closing) => (Closed, &[TLF]),
        (E::TimeoutGiveUp, Stopping | ReqSent | AckRcvd | AckSent) => (Stopped, &[TLF]),
        (E::TimeoutGiveUp, _) => return None,

        (E::RequestGood | E::RequestBad | E::Ack | E::Nak, Closing | Stopping) => (state, &[]),
        (E::RequestGood | E::RequestBad | E::Ack | E::Nak, Closed) => (Closed, &[STA]),
        (E::RequestGood, Stopped) => (AckSent, &[IRC, SCR, SendAck]),
        (E::RequestGood, ReqSent | AckSent) => (AckSent, &[SendAck]),
        (E::RequestGood, AckRcvd) => (Opened, &[SendAck, ThisLayerUp]),
        (E::RequestGood, Opened) => (AckSent, &[TLD, SCR, SendAck]),
        (E::RequestBad, Stopped) => (ReqSent, &[IRC, SCR, SendNak]),
        (E::RequestBad, ReqSent | AckSent) => (ReqSent, &[SendNak]),
        (E::RequestBad, AckRcvd) => (AckRcvd, &[SendNak]),
        (E::RequestBad, Opened) => (ReqSent, &[TLD, SCR, SendNak]),

        (E::Ack | E::Nak, Stopped) => (Stopped, &[STA]),
        (E::Ack, ReqSent) => (AckRcvd, &[IRC]),
        (E::Ack, AckSent) => (Opened, &[IRC, ThisLayerUp]),
        (E::Nak, ReqSent) => (ReqSent, &[IRC, SCR]),
        (E::Nak, AckSent) => (AckSent, &[IRC, SCR]),
        (E::Ack | E::Nak, AckRcvd) => (ReqSent, &[SCR]),
        (E::Ack | E::Nak, Opened) => (ReqSent, &[TLD, SCR]),

        (E::TerminateRequest, Closed | Stopped | Closing | Stopping) => (state, &[STA]),
        (E::TerminateRequest, ReqSent | AckRcvd | AckSent) => (ReqSent, &[STA]),
        (E::TerminateRequest, Opened) => (Stopping, &[TLD, ZeroCount, STA]),
        (E::TerminateAck, Closing) => (Closed, &[TLF]),
        (E::TerminateAck, Stopping) => (Stopped, &[TLF]),
        (E::TerminateAck, AckRcvd) => (ReqSent, &[]),
        (E::TerminateAck, Opened) => (ReqSent, &[TLD, SCR]),
        (E::TerminateAck, _) => (state, &[]),

        (E::UnknownCode, _) => (state, &[SendCodeReject]),
        (E::RejectGood, AckRcvd) => (ReqSent, &[]),
        (E::RejectGood, _) => (state, &[]),
        (E::RejectBad, Closed | Closing) => (Closed, &[TLF]),
        (E::RejectBad, Opened) => (Stopping, &[TLD, ITC, STR]),
        (E::RejectBad, _) => (Stopped, &[TLF]),
        (E::Echo, Opened) => (Opened, &[SendEchoReply]),
        (E::Echo, _) => (state, &[]),
    };
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::{Action::*, Event as E, State::*, *};

    const STATES: [State; 10] =
        [Initial, Starting, Closed, Stopped, Closing, Stopping, ReqSent, AckRcvd, AckSent, Opened];

    /// The table of RFC 1661, section 4.1, typed from the RFC: one row per event, one cell per state.
    const TABLE: [(Event, &str); 16] = [
        (E::Up, "2 irc,scr/6 - - - - - - - -"),
        (E::Down, "- - 0 tls/1 0 1 1 1 1 tld/1"),
        (E::Open, "tls/1 1 irc,scr/6 3 5 5 6 7 8 9"),
        (E::Close, "0 tlf/0 2 2 4 4 itc,str/4 itc,str/4 itc,str/4 tld,itc,str/4"),
        (E::TimeoutRetry, "- - - - str/4 str/5 scr/6 scr/6 scr/8 -"),
        (E::TimeoutGiveUp, "- - - - tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 -"),
        (E::RequestGood, "- - sta/2 irc,scr,sca/8 4 5 sca/8 sca,tlu/9 sca/8 tld,scr,sca/8"),
        (E::RequestBad, "- - sta/2 irc,scr,scn/6 4 5 scn/6 scn/7 scn/6 tld,scr,scn/6"),
        (E::Ack, "- - sta/2 sta/3 4 5 irc/7 scr/6 irc,tlu/9 tld,scr/6"),
        (E::Nak, "- - sta/2 sta/3 4 5 irc,scr/6 scr/6 irc,scr/8 tld,scr/6"),
        (E::TerminateRequest, "- - sta/2 sta/3 sta/4 sta/5 sta/6 sta/6 sta/6 tld,zrc,sta/5"),
        (E::TerminateAck, "- - 2 3 tlf/2 tlf/3 6 6 8 tld,scr/6"),
        (E::UnknownCode, "- - scj/2 scj/3 scj/4 scj/5 scj/6 scj/7 scj/8 scj/9"),
        (E::RejectGood, "- - 2 3 4 5 6 6 8 9"),
        (E::RejectBad, "- - tlf/2 tlf/3 tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 tld,itc,str/5"),
        (E::Echo, "- - 2 3 4 5 6 7 8 ser/9"),
    ];

    fn action(word: &str) -> Action {
        match word {
            "tlu" => ThisLayerUp,
            "tld" => ThisLayerDown,
            "tls" => ThisLayerStarted,
            "tlf" => ThisLayerFinished,
            "irc" => InitConfigureCount,
            "itc" => InitTerminateCount,
            "zrc" => ZeroCount,
            "scr" => SendRequest,
            "sca" => SendAck,
            "scn" => SendNak,
            "str" => SendTerminateRequest,
            "sta" => SendTerminateAck,
            "scj" => SendCodeReject,
            "ser" => SendEchoReply,
            other => panic!("no action {other}"),
        }
    }

    #[test]
    fn every_cell_is_the_rfcs() {
        for (event, row) in TABLE {
            for (state, cell) in STATES.iter().zip(row.split(' ')) {
                let want = (cell != "-").then(|| {
                    let (actions, next) = cell.rsplit_once('/').unwrap_or(("", cell));
                    let actions: Vec<_> = actions.split(',').filter(|w| !w.is_empty()).map(action).collect();
                    (STATES[next.parse::<usize>().unwrap()], actions)
                });
                let got = transition(*state, event).map(|(next, actions)| (next, actions.to_vec()));
                assert_eq!(got, want, "{event:?} in {state:?}");
            }
        }
    }
}
