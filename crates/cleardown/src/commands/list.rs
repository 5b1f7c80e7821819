//! `list`: what is connected. It asks the daemons only: no server is touched and no mount is looked at.

use std::collections::HashSet;

use cleardown_client::Client;
use cleardown_core::view::{Connection, JSON_VERSION, Listing};
use cleardown_core::{ErrorKind, Exit, Result};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;

use super::DONE;
use crate::ui::Ui;
use crate::{connect, json, table};

/// List the connections; root sees those of all users.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON (schema/v1.json); with --watch one document a line.
    #[arg(long)]
    json: bool,

    /// Go on showing the list whenever it changes.
    #[arg(long, conflicts_with = "remembered")]
    watch: bool,

    /// Show what is remembered too, connected or not, and which of it cannot be read.
    #[arg(long)]
    remembered: bool,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    if args.watch { watch(args, ui).await } else { once(args, ui).await }
}

async fn once(args: Args, ui: &mut Ui) -> Result<Exit> {
    let mut parts = Vec::new();
    for (index, client) in connect::all().await?.into_iter().enumerate() {
        match client.list(args.remembered, true).await {
            Ok(list) => parts.push(list),
            Err(error) if index == 0 => return Err(error),
            Err(error) => ui.error(&error),
        }
    }
    let connections = merged(&parts);
    if args.json {
        json::print(ui, &Listing { version: JSON_VERSION, connections })?;
    } else {
        Frame::of(&connections, ui).show(ui);
    }
    DONE
}

/// All daemons' lists in one. Each daemon sees the links that others made: what one of them made is not foreign, and what none
/// made is there once.
fn merged(parts: &[Vec<Connection>]) -> Vec<Connection> {
    let foreign = |c: &Connection| c.link.as_ref().is_some_and(|link| link.foreign);
    let interface = |c: &Connection| c.link.as_ref().and_then(|link| link.interface.clone());
    let all = parts.concat();
    let mut known: HashSet<Option<String>> = all.iter().filter(|c| !foreign(c)).map(interface).collect();
    all.into_iter().filter(|c| !foreign(c) || known.insert(interface(c))).collect()
}

/// What is printed of a list.
#[derive(PartialEq, Eq)]
struct Frame {
    lines: Vec<String>,
    notes: Vec<String>,
}

impl Frame {
    fn of(connections: &[Connection], ui: &Ui) -> Frame {
        if connections.is_empty() {
            return Frame { lines: Vec::new(), notes: vec!["nothing is connected".to_owned()] };
        }
        let name = |c: &Connection| c.name.trim_end_matches(':').to_owned();
        let note = |c: &Connection| Some(format!("{}: {}", name(c), c.reason.as_ref()?));
        Frame {
            lines: table::of_connections(connections, ui).lines(ui.columns),
            notes: connections.iter().filter_map(note).collect(),
        }
    }

    fn show(&self, ui: &mut Ui) {
        self.lines.iter().for_each(|line| ui.data(line));
        self.notes.iter().for_each(|note| ui.note(note));
    }
}

/// Shows the whole list at each change of any daemon's part of it that shows, until the caller's own daemon goes away.
async fn watch(args: Args, ui: &mut Ui) -> Result<Exit> {
    let clients = connect::all().await?;
    let mut parts: Vec<Vec<Connection>> = vec![Vec::new(); clients.len()];
    let mut shown = None;
    let mut changes = SelectAll::new();
    for (index, client) in clients.iter().enumerate() {
        changes.push(part(index, client).await?);
    }
    while let Some((index, part)) = changes.next().await {
        let Some(part) = part else {
            if index == 0 {
                return Err(ErrorKind::Daemon("it went away".into()).into());
            }
            parts[index].clear();
            continue;
        };
        parts[index] = part;
        let connections = merged(&parts);
        let frame = match args.json {
            true => Frame {
                lines: vec![json::line(&Listing { version: JSON_VERSION, connections })?],
                notes: Vec::new(),
            },
            false => Frame::of(&connections, ui),
        };
        if shown.as_ref() != Some(&frame) {
            redraw(&frame, args.json, ui);
            shown = Some(frame);
        }
    }
    DONE
}

type Part = futures_util::stream::BoxStream<'static, (usize, Option<Vec<Connection>>)>;

/// One daemon's lists, and none when it has gone.
async fn part(index: usize, client: &Client) -> Result<Part> {
    let lists = client.watch().await?.map(Some);
    let gone = futures_util::stream::iter([None]);
    Ok(lists.chain(gone).map(move |part| (index, part)).boxed())
}

/// Takes the place of the frame before on a terminal, and follows it elsewhere.
fn redraw(frame: &Frame, json: bool, ui: &mut Ui) {
    if ui.columns.is_some() && ui.live && !json {
        ui.raw("\x1b[H\x1b[J");
    }
    frame.show(ui);
    if ui.columns.is_none() && !json {
        ui.data("");
    }
}
