//! The role `sftp-server`: one folder on loopback for one user, for `cleardown demo`.
//!
//! `cleardownd sftp-server --root DIR --password-fd N` prints one line of JSON with `port`, `user` and `fingerprint`
//! once it listens, and serves until it is killed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cleardown_sftp::server::{Options, Server};
use serde::Serialize;
use zeroize::Zeroizing;

/// The user that the server knows.
const USER: &str = "demo";

/// The line that says that the server listens.
#[derive(Serialize)]
struct Ready<'a> {
    port: u16,
    user: &'a str,
    fingerprint: &'a str,
}

/// Serves until the process is ended.
pub fn sftp_server(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some((root, descriptor)) = parse(args) else {
        let _ = writeln!(io::stderr(), "usage: cleardownd sftp-server --root DIR --password-fd N");
        return ExitCode::from(2);
    };
    match serve(root, descriptor) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cleardownd: serving files failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Option<(PathBuf, u32)> {
    let (mut root, mut descriptor) = (None, None);
    while let Some(option) = args.next() {
        let value = args.next()?;
        match option.to_str()? {
            "--root" => root = Some(PathBuf::from(value)),
            "--password-fd" => descriptor = value.to_str()?.parse().ok(),
            _ => return None,
        }
    }
    root.zip(descriptor)
}

fn serve(root: PathBuf, descriptor: u32) -> io::Result<()> {
    let password = read_password(descriptor)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = Options { folder: root, port: 0, user: USER.to_owned(), password: Some(password) };
        let server = Server::start(options).await?;
        let ready = Ready { port: server.port(), user: server.user(), fingerprint: server.fingerprint() };
        let mut line = serde_json::to_vec(&ready)?;
        line.push(b'\n');
        io::stdout().write_all(&line)?;
        io::stdout().flush()?;
        std::future::pending::<io::Result<()>>().await
    })
}

/// One line. Opened through /proc, so that a number that is no descriptor of ours is an error and nothing worse.
pub(crate) fn read_password(descriptor: u32) -> io::Result<Zeroizing<String>> {
    let mut password = Zeroizing::new(Vec::with_capacity(1024));
    let mut file = File::open(format!("/proc/self/fd/{descriptor}"))?;
    let mut byte = [0];
    // Octet by octet: the writer may keep its end open.
    while password.len() < 1024 && file.read(&mut byte)? == 1 && byte[0] != b'\n' {
        password.push(byte[0]);
    }
    let text = std::str::from_utf8(&password).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.to_owned()))
}
