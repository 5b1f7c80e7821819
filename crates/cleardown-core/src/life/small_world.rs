//! What the exhaustive checks of drives and links have in common.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use stateright::{Checker, Model};

/// How far a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asking {
    Not,
    Waiting,
    Done,
}

/// A caller, and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call<W> {
    pub(super) wish: W,
    pub(super) state: Asking,
}

/// Who opened it, two callers of the model, and one more who asks when the world takes its course.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Callers<W> {
    pub(super) opener: Asking,
    pub(super) calls: [Call<W>; 3],
}

/// What callers do: the n-th asks, or goes away; the opener goes away.
pub(super) enum CallerMove {
    Ask(usize),
    Leave(usize),
    OpenerLeaves,
}

impl<W: Copy> Callers<W> {
    pub(super) fn new(wishes: (W, W), last: W) -> Self {
        let call = |wish| Call { wish, state: Asking::Not };
        Callers { opener: Asking::Waiting, calls: [call(wishes.0), call(wishes.1), call(last)] }
    }

    /// The caller of this number (0: the opener) is answered; true if it waited for that.
    pub(super) fn answered(&mut self, caller: u64) -> bool {
        let asking = match caller {
            0 => &mut self.opener,
            n => &mut self.calls[n as usize - 1].state,
        };
        std::mem::replace(asking, Asking::Done) == Asking::Waiting
    }

    /// The daemon has died: nobody waits any more.
    pub(super) fn cut_off(&mut self) {
        for call in self.calls.iter_mut().filter(|call| call.state == Asking::Waiting) {
            call.state = Asking::Done;
        }
        self.opener = Asking::Done;
    }

    pub(super) fn all_answered(&self) -> bool {
        self.opener != Asking::Waiting && self.calls.iter().all(|call| call.state != Asking::Waiting)
    }

    pub(super) fn moves(&self) -> impl Iterator<Item = CallerMove> {
        let calls = self.calls.iter().enumerate().take(2).filter_map(|(n, call)| match call.state {
            Asking::Not => Some(CallerMove::Ask(n)),
            Asking::Waiting => Some(CallerMove::Leave(n)),
            Asking::Done => None,
        });
        calls.chain((self.opener == Asking::Waiting).then_some(CallerMove::OpenerLeaves))
    }
}

/// Makes times small numbers in the same order, so that the states of the world are finitely many.
pub(super) fn rank(times: Vec<&mut Duration>, now: Duration) {
    let mut sorted: Vec<Duration> = times.iter().map(|time| **time).filter(|time| *time > now).collect();
    sorted.sort_unstable();
    sorted.dedup();
    for time in times {
        let rank = sorted.iter().position(|other| other == time).map_or(0, |n| n as u64 + 1);
        *time = Duration::from_secs(10 * rank);
    }
}

/// Visits all states, and tells the shortest way to one that breaks a property; `line` describes a state on it.
pub(super) fn check<M>(model: M, line: impl Fn(&M::State) -> String)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    for (name, path) in checker.discoveries() {
        if checker.discovery_classification(name).to_string() == "counterexample" {
            let mut story = String::new();
            let mut last = None;
            for (world, step) in path.into_vec() {
                story += &format!("{}\n  {step:?}\n", line(&world));
                last = Some(world);
            }
            panic!("{name}:\n{story}{last:#?}");
        }
    }
}
