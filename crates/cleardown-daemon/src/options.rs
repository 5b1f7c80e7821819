//! What the daemon's command line says.

use std::ffi::OsString;
use std::path::PathBuf;

/// How the daemon is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where it lives, when not in the place that the environment gives.
    pub runtime_dir: Option<PathBuf>,
    /// Connect what is remembered.
    pub restore: bool,
    /// Stay also when there is nothing to do.
    pub stay: bool,
}

impl Options {
    /// What `--help` prints.
    pub const USAGE: &str = "usage: cleardownd [--runtime-dir DIR] [--restore] [--stay]\n\
        Keeps the network connections of a user, or (as root) of the system. `cleardown` starts it when needed.\n\n\
        \x20 --runtime-dir DIR  live in DIR instead of XDG_RUNTIME_DIR/cleardown or /run/cleardown\n\
        \x20 --restore          connect what is remembered, and try again until it is\n\
        \x20 --stay             do not leave when there is nothing to keep\n";

    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence on what is not understood.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Options, String> {
        let mut options = Options::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--runtime-dir") => {
                    options.runtime_dir = Some(args.next().ok_or("--runtime-dir needs a folder")?.into());
                }
                Some("--restore") => options.restore = true,
                Some("--stay") => options.stay = true,
                _ => return Err(format!("{} is not understood", arg.to_string_lossy())),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood_or_refused() {
        let parse = |args: &[&str]| Options::parse(args.iter().map(OsString::from));
        let options = parse(&["--runtime-dir", "/x", "--restore"]).unwrap();
        assert_eq!(options, Options { runtime_dir: Some("/x".into()), restore: true, stay: false });
        assert!(parse(&["--runtime-dir"]).is_err());
        assert!(parse(&["--dance"]).is_err());
    }
}
