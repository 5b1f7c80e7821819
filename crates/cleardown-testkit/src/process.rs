//! Processes in groups of their own, ended by group.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::net;
use rustix::process::{Pid, Signal, kill_process_group};

/// A TCP port on loopback for a server of ours. As long as it lives nobody else is given that port, neither to listen on
/// nor as a connection's own end, be the server up or down.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _bound: Option<OwnedFd>,
}

impl Port {
    /// One that is free.
    pub fn free() -> io::Result<Port> {
        let stream = (net::AddressFamily::INET, net::SocketType::STREAM);
        let bound = net::socket_with(stream.0, stream.1, net::SocketFlags::CLOEXEC, None)?;
        net::bind(&bound, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        // After the kernel's choice, so that it was nobody else's; from now on a server that asks for the same may listen.
        net::sockopt::set_socket_reuseaddr(&bound, true)?;
        let address = SocketAddr::try_from(net::getsockname(&bound)?)?;
        Ok(Port { number: address.port(), _bound: Some(bound) })
    }

    /// This one, of which the caller knows that it is free.
    pub(crate) fn given(number: u16) -> Port {
        Port { number, _bound: None }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// A process and its descendants, as long as they stay in its group.
#[derive(Debug)]
pub struct Group {
    child: Child,
    group: Pid,
}

impl Group {
    /// Starts a command in a new process group.
    pub fn spawn(command: &mut Command) -> io::Result<Group> {
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        Ok(Group { child, group })
    }

    /// The leader's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The leader's standard output, once, if it was piped.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends a signal to all of the group.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// The other members of the group.
    pub fn members(&self) -> Vec<Pid> {
        let group = self.group.as_raw_nonzero().get();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| *pid != group && group_of(*pid) == Some(group)).filter_map(Pid::from_raw).collect()
    }

    /// The leader's exit, if it has ended by itself.
    pub fn ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills the whole group and reaps the leader.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        let end = Instant::now() + Duration::from_secs(5);
        while !self.members().is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The process group of a process that is not a zombie (`proc_pid_stat(5)`).
fn group_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(1)?.parse().ok()).flatten()
}

/// Waits until somebody listens on a loopback port.
pub fn wait_for_port(port: u16, group: &mut Group, deadline: Duration) -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let end = Instant::now() + deadline;
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) if group.ended() => return Err(io::Error::other("the server ended while starting")),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
