//! Progress of a long operation: one line that changes on a terminal, plain lines otherwise.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use cleardown_core::link::RasState;
use cleardown_core::view::{Progress, RasProgress};

use crate::format;
use crate::ui::Ui;

/// A log file need not have more than one line in this time about one stage.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows progress; dropped, it takes its line off the terminal.
pub(crate) struct Meter<'a> {
    ui: &'a mut Ui,
    /// When each stage of each connection was told last.
    told: HashMap<(String, String), Instant>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(ui: &'a mut Ui) -> Self {
        Meter { ui, told: HashMap::new() }
    }

    /// Shows one step.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if let Some(warning) = progress.stage.strip_prefix("warning: ") {
            // It stays to be read, whatever the line shows next.
            if self.ui.live {
                self.ui.overwrite("");
            }
            self.ui.note(format::printable(&format!("warning: {warning}")));
            return;
        }
        // The report says it, with its proof.
        if progress.ras.is_some_and(|ras| ras.state == RasState::Disconnected) {
            return;
        }
        let text = sentence(progress);
        if self.ui.live {
            self.ui.overwrite(&text);
            return;
        }
        let told = self.told.entry((progress.name.clone(), progress.stage.clone()));
        let now = Instant::now();
        match told {
            Entry::Occupied(at) if now.duration_since(*at.get()) < PAUSE => return,
            told => told.insert_entry(now),
        };
        self.ui.note(text);
    }
}

/// Shows a dial: each state on a line of its own, with the time since the dial began.
pub(crate) struct DialMeter<'a> {
    ui: &'a mut Ui,
    began: Instant,
    last: String,
}

impl<'a> DialMeter<'a> {
    pub(crate) fn new(ui: &'a mut Ui) -> Self {
        DialMeter { ui, began: Instant::now(), last: String::new() }
    }

    /// Shows one step. The daemon's time is the true one; what is no state has that of its arrival.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let (at, what) = match progress.ras {
            Some(RasProgress { error: Some(_), .. }) => return,
            Some(ras) => (Duration::from_millis(ras.at_ms), state(&ras)),
            None => (self.began.elapsed(), progress.stage.clone()),
        };
        // The daemon and then its worker open the port.
        if what != self.last {
            self.ui.note(dial_line(at, &what));
            self.last = what;
        }
    }
}

fn state(ras: &RasProgress) -> String {
    match ras.attempt {
        0 | 1 => ras.state.to_string(),
        n => format!("{} (attempt {n})", ras.state),
    }
}

/// `  0.412 s  authenticating`.
fn dial_line(at: Duration, what: &str) -> String {
    format::printable(&format!("{:>9.3} s  {what}", at.as_secs_f64()))
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if self.ui.live {
            self.ui.overwrite("");
        }
    }
}

/// `z: flushing, 12 MB left, 80 MB/s`, `z: waiting for vim[4711] +1`.
fn sentence(progress: &Progress) -> String {
    let mut text = match progress.name.as_str() {
        "" => progress.stage.clone(),
        name => format!("{name} {}", progress.stage),
    };
    if let Some(left) = progress.bytes_left {
        text += &format!(", {} left", format::bytes(left));
        if let Some(rate) = progress.rate.filter(|rate| *rate > 0) {
            text += &format!(", {}/s", format::bytes(rate));
        }
    }
    if !progress.holders.is_empty() {
        text += &format!(" for {}", format::holders(&progress.holders));
    }
    format::printable(&text)
}

#[cfg(test)]
mod tests {
    use cleardown_core::view::HolderKind;

    use super::*;
    use crate::table::tests::holder;

    #[test]
    fn a_dial_shows_its_states_with_times() {
        let ras = |state, attempt| RasProgress { handle: 1, state, at_ms: 1412, error: None, attempt };
        let line = |ras: RasProgress| dial_line(Duration::from_millis(ras.at_ms), &state(&ras));
        assert_eq!(line(ras(RasState::Authenticate, 1)), "    1.412 s  authenticating");
        assert_eq!(line(ras(RasState::ConnectDevice, 2)), "    1.412 s  connecting the device (attempt 2)");
    }

    #[test]
    fn a_step_is_one_sentence() {
        let step = |stage: &str| Progress::stage("z:", stage);
        assert_eq!(sentence(&step("connecting")), "z: connecting");
        let flushing = Progress { bytes_left: Some(12_000_000), rate: Some(80_000_000), ..step("flushing") };
        assert_eq!(sentence(&flushing), "z: flushing, 12 MB left, 80 MB/s");
        let vim = holder(4711, "vim", "/x", HolderKind::File);
        assert_eq!(sentence(&Progress { holders: vec![vim], ..step("waiting") }), "z: waiting for vim[4711]");
    }
}
