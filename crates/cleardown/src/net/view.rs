//! `net view \\server`: what a server offers; `net view`: the servers.

use std::collections::BTreeMap;

use cleardown_core::request::SharesRequest;
use cleardown_core::view::{Connection, Kind, Offered, ShareKind, Status};
use cleardown_core::{Remote, Result, Scheme};

use super::{completed, shown, texts};
use crate::ui::Ui;
use crate::{connect, format};

/// Lists the shares of a server; with `all`, hidden ones too.
pub(super) async fn run(server: &str, all: bool, ui: &mut Ui) -> Result<u8> {
    let client = connect::own().await?;
    let server = server.replace('\\', "/");
    let mut shares = client.shares(&SharesRequest::of(&server), None).await?;
    shares.retain(|share| all || !share.is_hidden());
    shares.sort_by_key(|share| share.name.to_lowercase());
    let drives = client.list(false, false).await?;
    lines(&server, &shares, &drives).iter().for_each(|line| ui.data(line));
    if shares.is_empty() { Ok(super::DONE) } else { Ok(completed(ui)) }
}

/// Lists the servers. Nobody announces them since SMB 1 has gone, and so Windows lists none (6118); here they are those that we are
/// connected with or remember, as WNetOpenEnum has them.
pub(super) async fn servers(ui: &mut Ui) -> Result<u8> {
    let client = connect::own().await?;
    let servers = known(&client.list(true, false).await?);
    if servers.is_empty() {
        let text = texts::system(texts::NO_BROWSER).unwrap_or_default();
        ui.note(format!("System error {} has occurred.\n\n{text}\n", texts::NO_BROWSER));
        return Ok(super::FAILED);
    }
    server_lines(&servers).iter().for_each(|line| ui.data(line));
    Ok(completed(ui))
}

/// Each server by name, and whether there is a connection with it now.
fn known(connections: &[Connection]) -> BTreeMap<String, bool> {
    let mut servers = BTreeMap::new();
    for connection in connections.iter().filter(|connection| connection.kind != Kind::Link) {
        let Ok(remote) = connection.remote.parse::<Remote>() else { continue };
        let server = match remote.scheme {
            Scheme::Smb => format!("\\\\{}", remote.authority()),
            Scheme::Sftp => format!("sftp://{}", remote.authority()),
        };
        *servers.entry(server.to_lowercase()).or_default() |= connection.status != Status::Remembered;
    }
    servers
}

fn server_lines(servers: &BTreeMap<String, bool>) -> Vec<String> {
    let row = |name: &str, remark: &str| format!("{name:<23}{remark}");
    let mut lines = vec![format!("{}\n", row("Server Name", "Remark")), "-".repeat(79)];
    lines.extend(servers.iter().map(|(name, connected)| {
        row(&format::printable(name), if *connected { "connected" } else { "remembered" })
    }));
    lines
}

fn lines(server: &str, shares: &[Offered], drives: &[Connection]) -> Vec<String> {
    if shares.is_empty() {
        return vec!["There are no entries in the list.\n".to_owned()];
    }
    let wide = shares.iter().map(|share| share.name.chars().count() + 2).max().unwrap_or_default().max(12);
    let row = |name: &str, kind: &str, used_as: &str, comment: &str| {
        let row = format!("{name:<wide$}{kind:<7}{used_as:<9}{comment}");
        row.trim_end().to_owned()
    };
    let mut lines =
        vec![format!("Shared resources at {}\n\n", format::printable(&server.replace('/', "\\")))];
    lines.push(format!("{}\n", row("Share name", "Type", "Used as", "Comment")));
    lines.push("-".repeat(79));
    lines.extend(shares.iter().map(|share| {
        let used_as = drives.iter().find(|drive| is_on(drive, server, share)).map(|drive| shown(&drive.name));
        let (name, comment) = (format::printable(&share.name), format::printable(&share.comment));
        row(&name, kind(share.kind), &used_as.unwrap_or_default(), &comment)
    }));
    lines
}

fn is_on(drive: &Connection, server: &str, share: &Offered) -> bool {
    let there = format!("{}/{}", server.trim_end_matches('/'), share.name).parse::<Remote>();
    let here = drive.remote.parse::<Remote>();
    matches!((there, here), (Ok(there), Ok(here)) if drive.kind == Kind::Drive && there.same_place(&here))
}

fn kind(kind: ShareKind) -> &'static str {
    match kind {
        ShareKind::Disk => "Disk",
        ShareKind::Printer => "Print",
        ShareKind::Ipc => "IPC",
        ShareKind::Device => "Device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::connection;

    #[test]
    fn servers_are_those_that_one_has_to_do_with() {
        let mut away = connection("p:", "//fs2:1445/projects");
        away.status = Status::Remembered;
        let mut link = connection("office", "555-1234");
        link.kind = Kind::Link;
        let connections = [
            away,
            connection("y:", "//FS1/a"),
            connection("z:", "//fs1/b"),
            connection("s:", "sftp://eve@nas/srv"),
            link,
        ];
        insta::assert_snapshot!(server_lines(&known(&connections)).join("\n"), @r#"
        Server Name            Remark

        -------------------------------------------------------------------------------
        \\fs1                  connected
        \\fs2:1445             remembered
        sftp://nas             connected
        "#);
    }

    #[test]
    fn shares_stand_in_windows_columns() {
        let share =
            |name: &str, kind, comment: &str| Offered { name: name.into(), kind, comment: comment.into() };
        let shares = [
            share("archive of all years", ShareKind::Disk, "read only"),
            share("laser", ShareKind::Printer, "room 5"),
            share("projects", ShareKind::Disk, ""),
        ];
        let lines = lines("//fs1", &shares, &[connection("p:", "//fs1/projects")]);
        insta::assert_snapshot!(lines.join("\n"), @r#"
        Shared resources at \\fs1


        Share name            Type   Used as  Comment

        -------------------------------------------------------------------------------
        archive of all years  Disk            read only
        laser                 Print           room 5
        projects              Disk   P:
        "#);
    }
}
