//! systemd-creds(1): encryption with a key of this machine (its TPM, or a file that only root can read).
//!
//! The password goes in and out through pipes. Users other than root need systemd 256 (`--user`).

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The program's usual name.
pub(super) const PROGRAM: &str = "systemd-creds";

/// A TPM may need a second or two; a broken one must not hold up a connection.
const DEADLINE: Duration = Duration::from_secs(10);

/// More than any password needs, with the encryption's own overhead.
const LONGEST: u64 = 64 * 1024;

/// What a run gave: the output, or none when the program is missing, refuses or hangs.
pub(super) async fn run(program: &str, verb: &str, name: &str, input: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match timeout(DEADLINE, attempt(program, verb, name, input)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            tracing::debug!(program, verb, %error, "systemd-creds cannot be used");
            None
        }
        Err(_) => {
            tracing::debug!(program, verb, "systemd-creds did not answer");
            None
        }
    }
}

async fn attempt(
    program: &str,
    verb: &str,
    name: &str,
    input: &[u8],
) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut command = Command::new(program);
    command.arg(verb).arg(format!("--name={name}"));
    if !rustix::process::geteuid().is_root() {
        command.arg("--user");
    }
    command.args(["-", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else { return Ok(None) };
    let mut output = Zeroizing::new(Vec::with_capacity(LONGEST as usize));
    let mut from = from.take(LONGEST);
    let feed = async move {
        let written = to.write_all(input).await;
        drop(to);
        // A program that refuses does not read what we offer; its exit status says so.
        written.or_else(|e| if e.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
    };
    let (fed, read) = tokio::join!(feed, from.read_to_end(&mut output));
    fed?;
    read?;
    Ok(child.wait().await?.success().then_some(output))
}
