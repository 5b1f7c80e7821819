//! Progress of a long operation: one line that changes on a terminal, plain lines otherwise.

use std::time::{Duration, Instant};

use cleardown_core::view::Progress;

use crate::format;
use crate::ui::Ui;

/// A log file need not have more than one line in this time about one stage.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows progress; dropped, it takes its line off the terminal.
pub(crate) struct Meter<'a> {
    ui: &'a mut Ui,
    last: Option<(String, Instant)>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(ui: &'a mut Ui) -> Self {
        Meter { ui, last: None }
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
        let text = sentence(progress);
        if self.ui.live {
            self.ui.overwrite(&text);
            return;
        }
        let key = format!("{}\0{}", progress.name, progress.stage);
        let due = self.last.as_ref().is_none_or(|(last, at)| *last != key || at.elapsed() >= PAUSE);
        if due {
            self.ui.note(text);
            self.last = Some((key, Instant::now()));
        }
    }
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
    fn a_step_is_one_sentence() {
        let step = |stage: &str| Progress::stage("z:", stage);
        assert_eq!(sentence(&step("connecting")), "z: connecting");
        let flushing = Progress { bytes_left: Some(12_000_000), rate: Some(80_000_000), ..step("flushing") };
        assert_eq!(sentence(&flushing), "z: flushing, 12 MB left, 80 MB/s");
        let vim = holder(4711, "vim", "/x", HolderKind::File);
        assert_eq!(sentence(&Progress { holders: vec![vim], ..step("waiting") }), "z: waiting for vim[4711]");
    }
}
