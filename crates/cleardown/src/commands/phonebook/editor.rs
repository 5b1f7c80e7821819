//! An entry in the user's editor: a copy is edited, checked, and only then saved.

use std::io::Write;
use std::process::Stdio;

use cleardown_core::link::EntryName;
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_profile::PhoneBook;
use tokio::process::Command;

use super::fields::sensible;
use crate::ui::{self, Ui};

/// No entry is longer.
const LONGEST: u64 = 64 * 1024;

/// True when a changed entry was saved.
///
/// # Errors
/// The editor failed, or what it left makes no sense and nobody wants to correct it.
pub(super) async fn edit(book: &PhoneBook, name: &EntryName, ui: &mut Ui) -> Result<bool> {
    let before = book.text(name)?.ok_or_else(|| ErrorKind::NoSuchEntry(name.to_string()))?;
    let failed = |e: std::io::Error| Error::os("making a copy to edit", &e);
    let mut copy = tempfile::Builder::new().prefix("entry-").suffix(".toml").tempfile().map_err(failed)?;
    copy.write_all(before.as_bytes()).map_err(failed)?;
    loop {
        start(copy.path()).await?;
        let text = read(copy.path())?;
        if text == before {
            return Ok(false);
        }
        let error = match book.parse(name, &text).and_then(|entry| sensible(&entry)) {
            Ok(()) => return book.put_text(name, &text).map(|_| true),
            Err(error) => error,
        };
        if !ui.interactive {
            return Err(error);
        }
        ui.error(&error);
        ui.ask("Edit it again (yes/no)? ");
        let again = ui::answer().await.is_some_and(|answer| matches!(answer.as_str(), "" | "y" | "yes"));
        if !again {
            return Err(ErrorKind::Cancelled.into());
        }
    }
}

/// Runs the editor as other programs do: through a shell, since its variable may have arguments.
async fn start(path: &std::path::Path) -> Result<()> {
    let named =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let line = format!("{} \"$1\"", named.unwrap_or_else(|| "vi".to_owned()));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line, "editor"]).arg(path).stdin(Stdio::inherit()).kill_on_drop(true);
    let status = command.status().await.map_err(|e| Error::os("starting the editor", &e))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::from(ErrorKind::Cancelled).because(format!("the editor ended with {status}"))),
    }
}

fn read(path: &std::path::Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::os("reading the edited copy", &e);
    if std::fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(ErrorKind::BadParameter("an entry has at most 64 KiB".into()).into());
    }
    std::fs::read_to_string(path).map_err(failed)
}
