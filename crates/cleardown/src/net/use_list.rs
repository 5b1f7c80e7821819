//! `net use` and `net use z:`: what there is, in Windows' columns.

use cleardown_core::Result;
use cleardown_core::view::{Connection, Kind, Status};
use cleardown_profile::NetUse;

use super::{backslashed, chosen, completed, shown};
use crate::ui::Ui;
use crate::{connect, format, table};

/// All connections and what is remembered.
pub(super) async fn all(ui: &mut Ui) -> Result<u8> {
    let client = connect::own().await?;
    let mut list = client.list(true, false).await?;
    list.retain(|connection| connection.kind != Kind::Link);
    lines(&list, chosen()?).iter().for_each(|line| ui.data(line));
    if list.is_empty() { Ok(super::DONE) } else { Ok(completed(ui)) }
}

fn lines(list: &[Connection], NetUse { persistent }: NetUse) -> Vec<String> {
    let will = if persistent { "will" } else { "will not" };
    let mut lines = vec![format!("New connections {will} be remembered.\n")];
    if list.is_empty() {
        lines.push("There are no entries in the list.\n".to_owned());
        return lines;
    }
    lines.push(format!("\n{:<13}{:<10}{:<26}Network\n", "Status", "Local", "Remote"));
    lines.push("-".repeat(79));
    lines.extend(list.iter().map(row));
    lines
}

/// A remote name that is too long for its column has the network on a line of its own, as in Windows.
fn row(connection: &Connection) -> String {
    let local = if table::has_local_name(connection) { shown(&connection.name) } else { String::new() };
    let remote = backslashed(&connection.remote);
    let local = format::printable(&local);
    let remote = format::printable(&remote);
    // The network's column starts after 49 characters.
    let remote = match remote.chars().count() {
        0..26 => format!("{remote:<26}"),
        _ => format!("{remote}\n{:49}", ""),
    };
    format!("{:<13}{local:<10}{remote}{}", status(connection.status), network(&connection.provider))
}

/// One connection, in full.
pub(super) async fn one(name: &str, ui: &mut Ui) -> Result<u8> {
    let (client, name) = connect::owner_of(name).await?;
    let connection = client.status(&name).await?;
    details(&connection).iter().for_each(|line| ui.data(line));
    Ok(completed(ui))
}

fn details(c: &Connection) -> Vec<String> {
    let local = if table::has_local_name(c) { shown(&c.name) } else { String::new() };
    let opens = c.holders.iter().filter(|holder| holder.kind.is_open_file()).count();
    let connections = if c.status == Status::Remembered { 0 } else { c.references.max(1) };
    let rows = [
        ("Local name", local),
        ("Remote name", backslashed(&c.remote)),
        ("Resource type", "Disk".to_owned()),
        ("Status", status(c.status).to_owned()),
        ("# Opens", opens.to_string()),
        ("# Connections", connections.to_string()),
    ];
    rows.iter().map(|(label, value)| format!("{label:<18}{}", format::printable(value))).collect()
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Connected => "OK",
        Status::Opening => "Connecting",
        Status::Reconnecting => "Reconnecting",
        Status::Draining | Status::Ending | Status::Resetting => "Ending",
        Status::Failed => "Unavailable",
        Status::Remembered | Status::Ended => "Disconnected",
    }
}

fn network(provider: &str) -> &'static str {
    match provider {
        "smb" => "Microsoft Windows Network",
        "sftp" => "SSH File Transfer",
        _ => "Cleardown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::examples;

    #[test]
    fn the_list_has_the_columns_of_windows() {
        insta::assert_snapshot!(lines(&examples(), NetUse::default()).join("\n"), @r#"
        New connections will be remembered.


        Status       Local     Remote                    Network

        -------------------------------------------------------------------------------
        OK           Z:        \\fs1\projects            Microsoft Windows Network
        Ending       photos    sftp://nas/srv/photos     Microsoft Windows Network
        OK                     \\fs2\x                   Microsoft Windows Network
        Disconnected Y:        \\fs1.example.com\archive Microsoft Windows Network
        "#);
    }

    #[test]
    fn an_empty_list_says_so() {
        insta::assert_snapshot!(lines(&[], NetUse { persistent: false }).join("\n"), @r#"
        New connections will not be remembered.

        There are no entries in the list.
        "#);
    }

    #[test]
    fn one_connection_in_full() {
        insta::assert_snapshot!(details(&examples()[0]).join("\n"), @r#"
        Local name        Z:
        Remote name       \\fs1\projects
        Resource type     Disk
        Status            OK
        # Opens           1
        # Connections     1
        "#);
    }
}
