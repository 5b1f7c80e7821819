//! The role `ppp-peer`: the other end of links, on a Unix socket, for `cleardown demo`.
//!
//! `cleardownd ppp-peer --listen PATH` prints one line of JSON with `address` and `caller` once it listens, and answers
//! every call until it is killed. It asks callers for a password with `--user NAME --password-fd N` (one line) and
//! `--auth METHOD` (`pap`, `chap`, `ms-chap-v2`); with `--expired yes` the password has to be changed first.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cleardown_link::peer::{Options, Peer};
use cleardown_link::ppp::auth::Method;
use cleardown_link::ppp::auth::server::Users;
use tokio::net::UnixListener;

use crate::sftp_server::read_password;

/// Answers until the process is ended.
pub fn ppp_peer(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(wish) = Wish::parse(args) else {
        let _ = writeln!(
            io::stderr(),
            "usage: cleardownd ppp-peer --listen PATH [--user NAME --password-fd N] [--auth METHOD] [--expired yes]"
        );
        return ExitCode::from(2);
    };
    match wish.serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cleardownd: answering calls failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
struct Wish {
    listen: PathBuf,
    user: Option<(String, u32)>,
    method: Method,
    expired: bool,
}

impl Wish {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Wish> {
        let (mut listen, mut user, mut descriptor, mut method) = (None, None, None, Method::MsChapV2);
        let mut expired = false;
        while let Some(option) = args.next() {
            let value = args.next()?;
            match (option.to_str()?, value.to_str()) {
                ("--listen", _) => listen = Some(PathBuf::from(value)),
                ("--user", Some(name)) => user = Some(name.to_owned()),
                ("--password-fd", Some(number)) => descriptor = Some(number.parse().ok()?),
                ("--auth", Some("pap")) => method = Method::Pap,
                ("--auth", Some("chap")) => method = Method::ChapMd5,
                ("--auth", Some("ms-chap-v2")) => method = Method::MsChapV2,
                ("--expired", Some("yes")) => expired = true,
                _ => return None,
            }
        }
        (user.is_some() == descriptor.is_some()).then_some(())?;
        Some(Wish { listen: listen?, user: user.zip(descriptor), method, expired })
    }

    fn serve(&self) -> io::Result<()> {
        let mut options = Options::default();
        if let Some((name, descriptor)) = &self.user {
            let password = read_password(*descriptor)?;
            let users = Users::new([(name.as_str(), password.as_str())]);
            if self.expired {
                users.expire();
            }
            options.users = Some((users, vec![self.method]));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = UnixListener::bind(&self.listen)?;
            let ready = serde_json::json!({ "address": options.address, "caller": options.caller });
            writeln!(io::stdout(), "{ready}")?;
            loop {
                let (line, _) = listener.accept().await?;
                let mut peer = Peer::answer(line.into_std()?.into(), &options)?;
                tokio::spawn(async move { peer.ended().await });
            }
        })
    }
}
