//! A server of either protocol, with one folder.

use std::path::{Path, PathBuf};

use cleardown_testkit::{Options, Samba, Sshd, SshdOptions, User};

use crate::machine::{Machine, Who};

/// The two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Samba.
    Smb,
    /// OpenSSH.
    Sftp,
}

/// A running server.
#[derive(Debug)]
pub enum Server {
    /// Samba, the share on it, and the user who logs on.
    Smb(Samba, String, User),
    /// OpenSSH.
    Sftp(Sshd),
}

impl Server {
    /// A server with the usual settings, on which root logs on.
    pub fn start(protocol: Protocol) -> Server {
        Server::start_for(protocol, Who::Root)
    }

    /// A server with the usual settings. Over SFTP people log on under their own names.
    pub fn start_for(protocol: Protocol, who: Who) -> Server {
        match protocol {
            Protocol::Smb => Server::samba(Options::default()),
            Protocol::Sftp => {
                let options = SshdOptions { as_nobody: who == Who::User, ..SshdOptions::default() };
                Server::Sftp(Sshd::start(options).expect("sshd starts"))
            }
        }
    }

    /// A Samba server with these settings; its first share and user count.
    pub fn samba(options: Options) -> Server {
        let share = options.shares[0].name.clone();
        let user = options.users.first().cloned().unwrap_or_else(User::eve);
        Server::Smb(Samba::start(options).expect("smbd starts"), share, user)
    }

    /// The remote name.
    pub fn remote(&self) -> String {
        match self {
            Server::Smb(samba, share, _) => samba.remote(share),
            Server::Sftp(sshd) => sshd.remote().replace("sftp://", &format!("sftp://{}@", sshd.user())),
        }
    }

    /// The remote name of its share of pipes, which has no folders.
    pub fn pipes(&self) -> String {
        match self {
            Server::Smb(samba, ..) => samba.remote("IPC$"),
            Server::Sftp(_) => panic!("SFTP has no pipes"),
        }
    }

    /// Whether its locks keep its other clients away.
    pub fn has_locks(&self) -> bool {
        matches!(self, Server::Smb(..))
    }

    /// The folder behind the share.
    pub fn folder(&self) -> PathBuf {
        match self {
            Server::Smb(samba, share, _) => samba.path(share).to_owned(),
            Server::Sftp(sshd) => sshd.folder(),
        }
    }

    /// The password with which [`Server::log_on`] does it.
    pub fn password(&self) -> Option<&str> {
        match self {
            Server::Smb(_, _, user) => Some(&user.password),
            Server::Sftp(_) => None,
        }
    }

    /// Arguments for `map` that log on, and the files they need.
    pub fn log_on(&self, machine: &Machine) -> Vec<String> {
        match self {
            Server::Smb(_, _, user) => {
                let file = machine.file(&format!("password.{}", user.name), format!("{}\n", user.password));
                vec!["--user".into(), user.name.clone(), "--password-file".into(), text(&file)]
            }
            Server::Sftp(sshd) => {
                machine.file("home/.ssh/known_hosts", read(&sshd.known_hosts()));
                machine.file("home/.ssh/id_ed25519", read(&sshd.key()));
                Vec::new()
            }
        }
    }

    /// Freezes it.
    pub fn stop(&self) {
        match self {
            Server::Smb(samba, ..) => samba.stop(),
            Server::Sftp(sshd) => sshd.stop(),
        }
    }

    /// Lets it go on.
    pub fn cont(&self) {
        match self {
            Server::Smb(samba, ..) => samba.cont(),
            Server::Sftp(sshd) => sshd.cont(),
        }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        match self {
            Server::Smb(samba, ..) => samba.kill(),
            Server::Sftp(sshd) => sshd.kill(),
        }
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        match self {
            Server::Smb(samba, ..) => samba.restart(),
            Server::Sftp(sshd) => sshd.restart(),
        }
        .expect("the server starts again");
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
