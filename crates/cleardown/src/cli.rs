//! The command table. Each command's arguments are in its own file.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::commands::{
    completions, demo, dial, end, forget, holders, list, man, map, phonebook, remember, restore, status,
};
use crate::{net, rasdial};

/// Map network drives and dial links, list them, and end them with a proof.
#[derive(Debug, Parser)]
#[command(name = "cleardown", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 other, 2 usage, 3 deadline passed (unproven), 4 not connected, 5 busy,
6 ended with loss, 7 authentication failed, 8 daemon out of reach, 9 not permitted, 10 name in use.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Map(map::Args),
    Dial(dial::Args),
    List(list::Args),
    Status(status::Args),
    Holders(holders::Args),
    End(end::Args),
    Forget(forget::Args),
    Remember(remember::Args),
    Restore(restore::Args),
    Phonebook(phonebook::Args),
    Net(net::Args),
    Rasdial(rasdial::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

impl Cli {
    /// What `net ARGS` means.
    pub(crate) fn net(args: impl Iterator<Item = OsString>) -> Cli {
        let words = args.map(|word| word.to_string_lossy().into_owned()).collect();
        Cli { command: Command::Net(net::Args { words }) }
    }

    /// What `rasdial ARGS` means.
    pub(crate) fn rasdial(args: impl Iterator<Item = OsString>) -> Cli {
        let words = args.map(|word| word.to_string_lossy().into_owned()).collect();
        Cli { command: Command::Rasdial(rasdial::Args { words }) }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_table_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_of_every_command() {
        let mut table = Cli::command();
        table.build();
        insta::assert_snapshot!("help", table.render_long_help());
        for command in table.get_subcommands_mut() {
            let name = command.get_name().to_owned();
            insta::assert_snapshot!(format!("help-{name}"), command.render_long_help());
            for part in command.get_subcommands_mut() {
                let part_name = part.get_name().to_owned();
                insta::assert_snapshot!(format!("help-{name}-{part_name}"), part.render_long_help());
            }
        }
    }
}
