//! Tables: aligned columns, cut to the terminal's width when there is one.

use std::time::Duration;

use cleardown_core::view::{Connection, Kind, Link, Status};

use crate::format;
use crate::ui::Ui;

const GAP: &str = "  ";

/// A table's rows below its head; columns may be cut, except those that are `whole`.
pub(crate) struct Table {
    head: Vec<&'static str>,
    whole: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(head: Vec<&'static str>, whole: &'static [&'static str]) -> Self {
        Table { head, whole, rows: Vec::new() }
    }

    /// Adds a row: one cell for each column.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.head.len());
        self.rows.push(cells.iter().map(|cell| format::printable(cell)).collect());
    }

    /// The lines, without spaces at their ends.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let widths = self.widths(columns);
        let head = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        std::iter::once(&head).chain(&self.rows).map(|row| line(row, &widths)).collect()
    }

    fn widths(&self, columns: Option<usize>) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.head[column].len()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let Some(columns) = columns else { return widths };
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
        while total(&widths) > columns {
            let cut = |i: &usize| !self.whole.contains(&self.head[*i]) && widths[*i] > self.head[*i].len();
            // The widest gives first, so that no column vanishes for another's sake.
            let Some(widest) = (0..widths.len()).filter(cut).max_by_key(|i| widths[*i]) else { break };
            widths[widest] -= 1;
        }
        widths
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", clip(cell, *width)));
    padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The list: STATUS NAME WHERE REMOTE HOLDERS PENDING; with OWNER when connections of several users are in it.
pub(crate) fn of_connections(connections: &[Connection], ui: &Ui) -> Table {
    // What another program made is nobody's.
    let mut owners = connections.iter().map(|c| &c.owner).filter(|owner| !owner.is_empty());
    let first = owners.next();
    let owners = owners.any(|owner| Some(owner) != first);
    let mut head = vec!["STATUS", "NAME", "WHERE", "REMOTE", "HOLDERS", "PENDING"];
    if owners {
        head.insert(1, "OWNER");
    }
    let mut table = Table::new(head, &["STATUS", "OWNER", "NAME", "PENDING"]);
    for connection in connections {
        let mut row = row(connection, ui);
        if owners {
            let owner = if connection.owner.is_empty() { "-" } else { &connection.owner };
            row.insert(1, owner.to_owned());
        }
        table.push(row);
    }
    table
}

/// False for a deviceless connection, whose name is its remote name.
pub(crate) fn has_local_name(connection: &Connection) -> bool {
    connection.kind != Kind::Deviceless
}

fn row(connection: &Connection, ui: &Ui) -> Vec<String> {
    if let Some(link) = &connection.link {
        return link_row(connection, link);
    }
    let dash = || "-".to_owned();
    let name = if has_local_name(connection) { connection.name.clone() } else { dash() };
    vec![
        connection.status.to_string(),
        name,
        connection.at.as_deref().map_or_else(dash, |at| ui.short(at)),
        if connection.remote.is_empty() { dash() } else { connection.remote.clone() },
        format::holders(&connection.holders),
        if connection.pending_bytes == 0 { dash() } else { format::bytes(connection.pending_bytes) },
    ]
}

/// A link has its interface for a place, its peer for a remote name, and traffic where a drive has what is pending.
fn link_row(connection: &Connection, link: &Link) -> Vec<String> {
    let dash = || "-".to_owned();
    let status = if link.foreign { "foreign".to_owned() } else { connection.status.to_string() };
    let remote = if connection.remote.is_empty() { link.device.clone() } else { connection.remote.clone() };
    vec![
        status,
        connection.name.clone(),
        link.interface.clone().unwrap_or_else(dash),
        remote,
        format::holders(&connection.holders),
        traffic(connection, link),
    ]
}

/// `up 2 h 1 min, 1.2 MB/8.0 MB`, or how far the dial has come.
fn traffic(connection: &Connection, link: &Link) -> String {
    let bytes = format!("{}/{}", format::bytes(link.bytes_in), format::bytes(link.bytes_out));
    match connection.status {
        Status::Connected if link.foreign => bytes,
        Status::Connected | Status::Reconnecting => {
            format!("up {}, {bytes}", format::duration(Duration::from_secs(connection.up_seconds)))
        }
        Status::Ended | Status::Failed => match link.error {
            Some(code) => format!("RAS {}", code.0),
            None => "-".to_owned(),
        },
        _ => link.state.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cleardown_core::Code;
    use cleardown_core::link::RasState;
    use cleardown_core::view::{Holder, HolderKind};

    use super::*;

    pub(crate) fn connection(name: &str, remote: &str) -> Connection {
        Connection {
            name: name.into(),
            kind: Kind::Drive,
            status: Status::Connected,
            reason: None,
            at: Some(format!("/home/eve/Network/{}", name.trim_end_matches(':'))),
            remote: remote.into(),
            provider: "smb".into(),
            user: Some("eve".into()),
            owner: "eve".into(),
            remembered: false,
            read_only: false,
            pending_bytes: 0,
            dialect: Some("SMB 3.1.1".into()),
            encryption: Some("AES-128-GCM".into()),
            signing: None,
            references: 0,
            up_seconds: 7300,
            worker_pid: Some(4700),
            servers: Vec::new(),
            holders: Vec::new(),
            unseen: Vec::new(),
            link: None,
        }
    }

    pub(crate) fn holder(pid: u32, program: &str, path: &str, kind: HolderKind) -> Holder {
        Holder { pid, user: "eve".into(), program: program.into(), path: path.into(), kind }
    }

    pub(crate) fn examples() -> Vec<Connection> {
        let z = Connection {
            pending_bytes: 12_000_000,
            holders: vec![
                holder(4711, "vim", "/home/eve/Network/z/a.txt", HolderKind::File),
                holder(4711, "vim", "/home/eve/Network/z", HolderKind::WorkingDirectory),
                holder(4712, "bash", "/home/eve/Network/z", HolderKind::WorkingDirectory),
            ],
            ..connection("z:", "//fs1/projects")
        };
        let photos = Connection {
            status: Status::Draining,
            pending_bytes: 1_200_000_000,
            ..connection("photos", "sftp://nas/srv/photos")
        };
        let deviceless = Connection {
            kind: Kind::Deviceless,
            at: None,
            references: 2,
            ..connection("//fs2/x", "//fs2/x")
        };
        let remembered = Connection {
            status: Status::Remembered,
            at: None,
            ..connection("y:", "//fs1.example.com/archive")
        };
        vec![z, photos, deviceless, remembered]
    }

    pub(crate) fn links() -> Vec<Connection> {
        let link = Link {
            handle: 7,
            foreign: false,
            device: "ttyS0".into(),
            device_type: "modem".into(),
            phonebook: None,
            state: RasState::Connected,
            error: None,
            interface: Some("ppp-office".into()),
            addresses: vec!["10.64.64.64/32".into()],
            peer_addresses: vec!["10.64.64.1".into()],
            dns: vec!["10.64.64.1".into()],
            routes: vec!["10.0.0.0/8".into()],
            bytes_in: 1_200_000,
            bytes_out: 8_000_000,
            packets_in: 900,
            packets_out: 6_000,
            handshake_seconds: None,
            engine: None,
            drives: vec!["z:".into()],
        };
        let connection = |name: &str, status, link| Connection {
            kind: Kind::Link,
            status,
            at: None,
            provider: "ppp".into(),
            dialect: None,
            encryption: None,
            references: 2,
            link: Some(link),
            ..connection(name, "555-1234")
        };
        let dialling =
            Link { state: RasState::ConnectDevice, interface: None, addresses: Vec::new(), ..link.clone() };
        let failed = Link { error: Some(Code::LINE_BUSY), ..dialling.clone() };
        let tunnel = Link {
            foreign: true,
            device: "vpn.example.com:51820".into(),
            device_type: "wireguard".into(),
            interface: Some("wg0".into()),
            handshake_seconds: Some(41),
            drives: Vec::new(),
            ..link.clone()
        };
        let foreign = Connection {
            remote: "vpn.example.com:51820".into(),
            owner: String::new(),
            up_seconds: 0,
            references: 0,
            provider: "wireguard".into(),
            user: None,
            ..connection("wg0", Status::Connected, tunnel)
        };
        vec![
            connection("office", Status::Connected, link),
            connection("branch", Status::Opening, dialling),
            Connection {
                reason: Some("the line is busy".into()),
                ..connection(".555-1234", Status::Failed, failed)
            },
            foreign,
        ]
    }

    #[test]
    fn drives_and_links_share_a_table() {
        let all = [examples(), links()].concat();
        insta::assert_snapshot!(of_connections(&all, &ui()).lines(None).join("\n"), @r#"
        STATUS      NAME       WHERE             REMOTE                     HOLDERS       PENDING
        connected   z:         ~/Network/z       //fs1/projects             vim[4711] +1  12 MB
        draining    photos     ~/Network/photos  sftp://nas/srv/photos      -             1.2 GB
        connected   -          -                 //fs2/x                    -             -
        remembered  y:         -                 //fs1.example.com/archive  -             -
        connected   office     ppp-office        555-1234                   -             up 2 h 1 min, 1.2 MB/8.0 MB
        opening     branch     -                 555-1234                   -             connecting the device
        failed      .555-1234  -                 555-1234                   -             RAS 676
        foreign     wg0        wg0               vpn.example.com:51820      -             1.2 MB/8.0 MB
        "#);
    }

    fn ui() -> Ui {
        Ui::test(Box::new(std::io::sink()), Box::new(std::io::sink()))
    }

    #[test]
    fn a_list_shows_what_there_is() {
        let lines = of_connections(&examples(), &ui()).lines(None);
        insta::assert_snapshot!(lines.join("\n"), @r#"
        STATUS      NAME    WHERE             REMOTE                     HOLDERS       PENDING
        connected   z:      ~/Network/z       //fs1/projects             vim[4711] +1  12 MB
        draining    photos  ~/Network/photos  sftp://nas/srv/photos      -             1.2 GB
        connected   -       -                 //fs2/x                    -             -
        remembered  y:      -                 //fs1.example.com/archive  -             -
        "#);
    }

    #[test]
    fn owners_are_shown_when_they_differ() {
        let mut list = examples();
        list[1].owner = "bob".into();
        insta::assert_snapshot!(of_connections(&list, &ui()).lines(None).join("\n"), @r#"
        STATUS      OWNER  NAME    WHERE             REMOTE                     HOLDERS       PENDING
        connected   eve    z:      ~/Network/z       //fs1/projects             vim[4711] +1  12 MB
        draining    bob    photos  ~/Network/photos  sftp://nas/srv/photos      -             1.2 GB
        connected   eve    -       -                 //fs2/x                    -             -
        remembered  eve    y:      -                 //fs1.example.com/archive  -             -
        "#);
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_columns() {
        let lines = of_connections(&examples(), &ui()).lines(Some(70));
        assert!(lines.iter().all(|line| line.chars().count() <= 70));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        STATUS      NAME    WHERE          REMOTE        HOLDERS       PENDING
        connected   z:      ~/Network/z    //fs1/proje…  vim[4711] +1  12 MB
        draining    photos  ~/Network/ph…  sftp://nas/…  -             1.2 GB
        connected   -       -              //fs2/x       -             -
        remembered  y:      -              //fs1.examp…  -             -
        "#);
    }

    #[test]
    fn a_hostile_name_cannot_move_the_cursor() {
        let evil = connection("z:", "//fs1/\x1b[2J");
        assert!(!of_connections(&[evil], &ui()).lines(None).join("").contains('\x1b'));
    }
}
