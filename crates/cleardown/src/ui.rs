//! Talking to people and programs: data on standard output, everything else on standard error. Nothing but the
//! progress line uses terminal sequences, so there is no colour to turn off.

use std::io::{self, IsTerminal, Write};

use cleardown_core::Error;

use crate::message;

/// The two outputs, and what they are connected to.
pub(crate) struct Ui {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Standard output is a terminal of this many columns.
    pub(crate) columns: Option<usize>,
    /// Standard error is a terminal that understands cursor movement.
    pub(crate) live: bool,
    /// Somebody is there to answer: standard input and standard error are terminals.
    pub(crate) interactive: bool,
    /// The user's home folder, which is shown as `~`.
    pub(crate) home: Option<String>,
    /// Why data did not arrive, when the reader is there.
    pub(crate) unwritten: Option<io::Error>,
}

impl Ui {
    /// The process's own standard streams.
    pub(crate) fn from_process() -> Ui {
        let terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Ui {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            columns: columns(),
            live: terminal && !dumb,
            interactive: terminal && io::stdin().is_terminal(),
            home: std::env::var("HOME").ok().filter(|home| home.len() > 1),
            unwritten: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn test(out: Box<dyn Write>, err: Box<dyn Write>) -> Ui {
        let home = Some("/home/eve".into());
        Ui { out, err, columns: None, live: false, interactive: false, home, unwritten: None }
    }

    /// A line of data. A reader that has gone away is no error.
    pub(crate) fn data(&mut self, line: impl AsRef<str>) {
        self.raw(&format!("{}\n", line.as_ref()));
    }

    /// Data without a line's end.
    pub(crate) fn raw(&mut self, text: &str) {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.unwritten = Some(error),
            _ => {}
        }
    }

    /// A line for people.
    pub(crate) fn note(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.err, "{}", line.as_ref());
    }

    /// What to do next.
    pub(crate) fn hint(&mut self, text: impl AsRef<str>) {
        self.note(format!("hint: {}", text.as_ref()));
    }

    /// An error with its causes and its hint.
    pub(crate) fn error(&mut self, error: &Error) {
        let _ = write!(self.err, "{}", message::of(error));
    }

    /// Overwrites the terminal's current line (only if [`Ui::live`]); an empty text clears it.
    pub(crate) fn overwrite(&mut self, text: &str) {
        let _ = write!(self.err, "\r\x1b[K{text}");
        let _ = self.err.flush();
    }

    /// A question; the cursor stays behind it.
    pub(crate) fn ask(&mut self, text: &str) {
        let _ = write!(self.err, "{text}");
        let _ = self.err.flush();
    }

    /// The path with `~` for the home folder.
    pub(crate) fn short(&self, path: &str) -> String {
        match self.home.as_deref().and_then(|home| path.strip_prefix(home)) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }
}

fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// One line from standard input, or none at its end. It blocks, so it runs beside the reactor.
pub(crate) async fn answer() -> Option<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim().to_owned())
    });
    read.await.ok().flatten()
}
