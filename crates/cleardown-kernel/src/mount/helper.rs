//! Mounting as an ordinary user, through the set-user-id program `fusermount3`.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg,
    socketpair,
};

use super::{MountRequest, Mounted, bad_point, folder};
use crate::mounts::{self, FSTYPE, Mount};
use crate::unique;

pub(super) fn mount(request: &MountRequest, patience: Duration) -> Result<Mounted> {
    let point = folder::hold(&request.at)?;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|errno| Error::os("mounting", &errno.into()))?;
    let mut command = command();
    // The socket is its standard input: no descriptor needs to be made inheritable.
    command.env("_FUSE_COMMFD", "0").stdin(Stdio::from(theirs));
    command.arg("-o").arg(options(request)).arg("--").arg(&point.path);
    let output = crate::process::run(command, patience).map_err(|error| cannot_run(&error))?;
    if !output.status.success() {
        return Err(refused(&point.path.display().to_string(), &output));
    }
    let fuse = receive(&ours, patience).map_err(|error| Error::os("mounting with fusermount3", &error))?;
    let table = mounts::read().map_err(|error| Error::os("reading the mount table", &error))?;
    let mount = mounts::topmost(&table, &point.path).filter(|mount| mount.fstype == FSTYPE);
    let mount = mount.map(|mount| Mount { unique: unique::at(&point.path), ..mount.clone() });
    let mount =
        mount.ok_or_else(|| bad_point(&point.path.display().to_string(), "it was unmounted at once"))?;
    Ok(Mounted { fuse, mount })
}

/// `fusermount3`, speaking English and with no terminal to ask on.
pub(super) fn command() -> Command {
    let mut command = Command::new("fusermount3");
    command.env("LC_ALL", "C").stdin(Stdio::null()).current_dir("/");
    command
}

fn options(request: &MountRequest) -> String {
    let source = request.source.replace('\\', r"\\").replace(',', r"\,");
    let mut options = format!("fsname={source},subtype=cleardown,default_permissions,nosuid,nodev");
    options.push_str(if request.read_only { ",ro" } else { ",rw" });
    if request.allow_other {
        options.push_str(",allow_other");
    }
    if let Some(max_read) = request.max_read {
        options.push_str(&format!(",max_read={max_read}"));
    }
    options
}

pub(super) fn cannot_run(error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "fusermount3 is not installed",
        io::ErrorKind::TimedOut => "fusermount3 does not come back",
        _ => "fusermount3 cannot be run",
    };
    Error::from(ErrorKind::NoFuse(what.into())).because(error)
}

fn refused(at: &str, output: &Output) -> Error {
    let words = words(output);
    let no_fuse = ["/dev/fuse", "fuse device not found", "allow_other", "too many FUSE", "must be setuid"];
    if no_fuse.iter().any(|mark| words.contains(mark)) || words.contains("Operation not permitted") {
        Error::from(ErrorKind::NoFuse("fusermount3 refuses".into())).because(words)
    } else {
        bad_point(at, "fusermount3 refuses").because(words)
    }
}

/// What it complained about, without its name.
pub(super) fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines =
        text.lines().map(|line| line.trim_start_matches("fusermount3: ").trim()).filter(|l| !l.is_empty());
    lines.take(5).collect::<Vec<_>>().join("; ")
}

fn receive(socket: &OwnedFd, patience: Duration) -> io::Result<OwnedFd> {
    let limit = Timespec::try_from(patience).ok();
    if poll(&mut [PollFd::new(socket, PollFlags::IN)], limit.as_ref())? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
        _ => None,
    });
    descriptor.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it sent no descriptor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_cannot_add_options() {
        let request = MountRequest {
            at: "/n/z".into(),
            source: r"smb://DOM;eve@fs1/a,suid\b".into(),
            read_only: true,
            allow_other: false,
            owner: (1, 1),
            max_read: None,
        };
        let expected =
            r"fsname=smb://DOM;eve@fs1/a\,suid\\b,subtype=cleardown,default_permissions,nosuid,nodev,ro";
        assert_eq!(options(&request), expected);
    }
}
