//! `phonebook import`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use cleardown_core::link::EntryName;
use cleardown_core::{Error, ErrorKind, Exit, Result};
use cleardown_profile::PhoneBooks;
use cleardown_profile::import::{self, Import, Imported};
use zeroize::Zeroizing;

use super::secrets;
use crate::commands::DONE;
use crate::format;
use crate::ui::Ui;

/// Import entries of other programs: Windows' rasphone.pbk, or a file of wg-quick.
///
/// What cannot be carried over is named for each entry. Keys in the file go to where passwords are kept, never into the
/// entry; a phone book of Windows has none.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    file: PathBuf,

    /// What wrote it [default: by its name].
    #[arg(long, value_name = "PROGRAM")]
    format: Option<Format>,

    /// The name of the entry that a wg-quick file becomes [default: the file's].
    #[arg(long)]
    name: Option<EntryName>,

    /// Take the place of entries of the same name.
    #[arg(long)]
    replace: bool,

    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Windows' phone book.
    Rasphone,
    /// A tunnel of WireGuard.
    WgQuick,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let format = args.format.map_or_else(|| by_name(&args.file), Ok)?;
    let import = read(&args.file, format, args.name.as_ref())?;
    let books = PhoneBooks::of_process()?;
    let mut refused = None;
    for imported in &import.entries {
        let name = &imported.entry.name;
        if books.own().text(name)?.is_some() && !args.replace {
            let error = Error::from(ErrorKind::EntryExists(name.to_string()));
            ui.error(&error);
            refused.get_or_insert(error.exit());
            continue;
        }
        if !args.dry_run {
            keep(&books, imported, ui).await?;
        }
        say(imported, args.dry_run, ui);
    }
    for skipped in &import.skipped {
        ui.note(format::printable(&format!("{} is left out: {}", skipped.name, skipped.why)));
    }
    if import.entries.is_empty() && import.skipped.is_empty() {
        ui.note("the file has no entries");
    }
    if format == Format::Rasphone && !import.entries.is_empty() {
        ui.hint("Windows keeps users and passwords elsewhere: cleardown phonebook edit NAME --user USER");
    }
    refused.map_or(DONE, Ok)
}

fn by_name(file: &Path) -> Result<Format> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "pbk" => Ok(Format::Rasphone),
        "conf" => Ok(Format::WgQuick),
        _ => {
            Err(ErrorKind::BadParameter("what wrote the file? add --format rasphone or wg-quick".into())
                .into())
        }
    }
}

/// Reads and understands the file.
pub(crate) fn read(path: &Path, format: Format, name: Option<&EntryName>) -> Result<Import> {
    let shown = path.display().to_string();
    let during = format!("reading {shown}");
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(|e| Error::os(&during, &e))?;
    // One byte more than is allowed, so that a longer file is seen to be too long.
    file.take(import::LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::os(&during, &e))?;
    match format {
        Format::Rasphone => import::rasphone(&bytes).map_err(|bad| bad.in_file(&shown)),
        Format::WgQuick => {
            let name = name.cloned().map_or_else(|| file_stem(path), Ok)?;
            let imported = import::wg_quick(name, &bytes).map_err(|bad| bad.in_file(&shown))?;
            Ok(Import { entries: vec![imported], skipped: Vec::new() })
        }
    }
}

fn file_stem(path: &Path) -> Result<EntryName> {
    path.file_stem().unwrap_or_default().to_string_lossy().parse()
}

async fn keep(books: &PhoneBooks, imported: &Imported, ui: &mut Ui) -> Result<()> {
    let name = &imported.entry.name;
    books.own().remove(name)?;
    books.own().put(&imported.entry)?;
    if let Some(secret) = &imported.secret {
        let kept = secrets()?.put(name, secret).await?;
        kept.warning.iter().for_each(|warning| ui.note(format!("warning: {warning}")));
    }
    Ok(())
}

fn say(imported: &Imported, dry_run: bool, ui: &mut Ui) {
    let entry = &imported.entry;
    let done = if dry_run { "would be imported" } else { "is imported" };
    let what = format!("{} {done} ({}, {})", entry.name, entry.device.kind(), entry.device.shown());
    ui.data(format::printable(&what));
    let remarks = [
        ("not carried over", &imported.remarks.left),
        ("assumed", &imported.remarks.assumed),
        ("problem", &entry.problems()),
    ];
    for (label, what) in
        remarks.into_iter().flat_map(|(label, all)| all.iter().map(move |what| (label, what)))
    {
        ui.data(format::printable(&format!("  {label}: {what}")));
    }
}
