//! What was typed behind `net`. Options may be anywhere, in any case, and shortened, as in Windows.

use cleardown_core::request::Name;
use cleardown_core::{LocalName, Remote};

/// A whole command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Net {
    Help,
    HelpMsg(u32),
    Use(Use),
    /// What a server offers.
    View {
        /// `\\server`
        server: String,
        /// Hidden shares too.
        all: bool,
    },
    /// Which servers there are.
    Servers,
}

/// What `net use` is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    List,
    /// Whether later connections are remembered where nothing is said.
    Persistent(bool),
    Show(String),
    Add(Add),
    Delete {
        name: String,
        yes: Option<bool>,
    },
    DeleteAll {
        yes: Option<bool>,
    },
}

/// A new connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Add {
    pub(super) name: Name,
    pub(super) remote: Remote,
    pub(super) user: Option<String>,
    /// `*`: ask for the password.
    pub(super) ask: bool,
    /// Whether it is remembered; none: as the profile has it.
    pub(super) persistent: Option<bool>,
}

#[derive(Debug, Default)]
struct Options {
    delete: bool,
    user: Option<String>,
    persistent: Option<bool>,
    yes: Option<bool>,
    help: bool,
}

/// The command, or what was not understood about it (empty: just the syntax).
pub(super) fn parse(words: &[String]) -> Result<Net, String> {
    let (verb, rest) = words.split_first().ok_or_else(String::new)?;
    match verb.to_ascii_lowercase().as_str() {
        "use" => parse_use(rest),
        "view" => parse_view(rest),
        "help" | "/?" | "/help" | "-h" | "--help" => Ok(Net::Help),
        "helpmsg" => match rest {
            [code] => code.parse().map(Net::HelpMsg).map_err(|_| format!("{code} is no number.")),
            _ => Err(String::new()),
        },
        _ => Err(format!("The command {verb} is unknown.")),
    }
}

fn parse_view(words: &[String]) -> Result<Net, String> {
    let (mut servers, mut all) = (Vec::new(), false);
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "/?" | "/help" | "-h" | "--help" => return Ok(Net::Help),
            "/all" => all = true,
            _ if word.starts_with(r"\\") || word.starts_with("//") => servers.push(word.clone()),
            option if option.starts_with('/') => {
                return Err(format!("The option {} is unknown.", option.to_uppercase()));
            }
            _ => return Err(format!("The network name {word} is invalid.")),
        }
    }
    match <[String; 1]>::try_from(servers) {
        Ok([server]) => Ok(Net::View { server, all }),
        Err(none) if none.is_empty() && !all => Ok(Net::Servers),
        Err(_) => Err(String::new()),
    }
}

fn parse_use(words: &[String]) -> Result<Net, String> {
    let mut options = Options::default();
    let mut places = Vec::new();
    for word in words {
        // //server/share begins like an option and is none; -h and --help are what Unix hands expect.
        match word.strip_prefix('/').filter(|rest| !rest.starts_with('/')) {
            Some(option) => options.take(option, word)?,
            None if word == "--help" || word == "-h" => options.help = true,
            None => places.push(word.as_str()),
        }
    }
    if options.help {
        return Ok(Net::Help);
    }
    if options.delete { parse_delete(&places, &options) } else { parse_add(&places, options) }.map(Net::Use)
}

impl Options {
    fn take(&mut self, option: &str, word: &str) -> Result<(), String> {
        let unknown = || format!("The option {} is unknown.", word.to_uppercase());
        let (key, value) = match option.split_once(':') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (option.to_ascii_lowercase(), None),
        };
        let short_for = |whole: &str| !key.is_empty() && whole.starts_with(&key);
        match value {
            None if key == "?" || short_for("help") => self.help = true,
            None if short_for("delete") => self.delete = true,
            None if short_for("yes") => self.yes = Some(true),
            None if short_for("no") => self.yes = Some(false),
            Some(user) if short_for("user") && !user.is_empty() => self.user = Some(user.to_owned()),
            Some(value) if short_for("persistent") => {
                self.persistent = Some(yes_no(value).ok_or_else(unknown)?)
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

fn yes_no(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "" => None,
        text if "yes".starts_with(text) => Some(true),
        text if "no".starts_with(text) => Some(false),
        _ => None,
    }
}

fn parse_delete(places: &[&str], options: &Options) -> Result<Use, String> {
    if options.user.is_some() || options.persistent.is_some() {
        return Err("A command was used with conflicting switches.".to_owned());
    }
    match places {
        ["*"] => Ok(Use::DeleteAll { yes: options.yes }),
        [name] => Ok(Use::Delete { name: place(name)?, yes: options.yes }),
        _ => Err(String::new()),
    }
}

fn parse_add(places: &[&str], options: Options) -> Result<Use, String> {
    let plain = options.user.is_none() && options.persistent.is_none();
    let (name, rest) = match places {
        [] if plain => return Ok(Use::List),
        [] if options.user.is_none() => {
            return options.persistent.map(Use::Persistent).ok_or_else(String::new);
        }
        [name] if plain && remote(name).is_none() && *name != "*" => return Ok(Use::Show(place(name)?)),
        [first, rest @ ..] if remote(first).is_some() => (Name::Deviceless, [&[*first], rest].concat()),
        ["*", rest @ ..] => (Name::FirstFree, rest.to_vec()),
        [name, rest @ ..] => (Name::Given(local(name)?), rest.to_vec()),
        [] => return Err(String::new()),
    };
    let (share, ask) = match rest.as_slice() {
        [share] => (*share, false),
        [share, "*"] => (*share, true),
        // The word is not repeated: it is a password, and already in the process list.
        [_, _] => {
            return Err("A password does not go on the command line; write * to be asked for it.".to_owned());
        }
        _ => return Err(String::new()),
    };
    let remote = remote(share).ok_or_else(|| format!("The network name {share} is invalid."))?;
    Ok(Use::Add(Add { name, remote, user: options.user, ask, persistent: options.persistent }))
}

fn remote(text: &str) -> Option<Remote> {
    text.parse().ok()
}

fn local(text: &str) -> Result<LocalName, String> {
    text.parse().map_err(|_| format!("The device name {text} is invalid."))
}

/// A local or a remote name, as given.
fn place(text: &str) -> Result<String, String> {
    if remote(text).is_some() { Ok(text.to_owned()) } else { local(text).map(String::from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Net, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn add(name: Name, remote: &str) -> Add {
        Add { name, remote: remote.parse().unwrap(), user: None, ask: false, persistent: None }
    }

    fn given(name: &str) -> Name {
        Name::Given(name.parse().unwrap())
    }

    #[test]
    fn net_view_is_understood() {
        let view = |all| Ok(Net::View { server: r"\\fs1".into(), all });
        assert_eq!(parsed(r"view \\fs1"), view(false));
        assert_eq!(parsed(r"VIEW \\fs1 /ALL"), view(true));
        assert_eq!(parsed("view"), Ok(Net::Servers));
        assert_eq!(parsed("view /?"), Ok(Net::Help));
        assert_eq!(parsed("view fs1"), Err("The network name fs1 is invalid.".into()));
        assert_eq!(parsed(r"view \\fs1 /domain"), Err("The option /DOMAIN is unknown.".into()));
        assert_eq!(parsed(r"view \\fs1 \\fs2"), Err(String::new()));
    }

    #[test]
    fn every_form_of_net_use_is_understood() {
        let z = || add(given("z:"), r"\\fs1\projects");
        let user = Some(r"DOM\eve".to_owned());
        let forms = [
            ("use", Use::List),
            ("USE Z:", Use::Show("Z:".into())),
            (r"use z: \\fs1\projects", Use::Add(z())),
            ("use z: //fs1/projects", Use::Add(z())),
            (r"use z: \\fs1\projects *", Use::Add(Add { ask: true, ..z() })),
            (r"use z: \\fs1\projects /user:DOM\eve", Use::Add(Add { user: user.clone(), ..z() })),
            (r"use /U:DOM\eve z: \\fs1\projects *", Use::Add(Add { user, ask: true, ..z() })),
            (r"use z: \\fs1\projects /persistent:no", Use::Add(Add { persistent: Some(false), ..z() })),
            (r"use z: \\fs1\projects /PERSISTENT:YES", Use::Add(Add { persistent: Some(true), ..z() })),
            (r"use z: \\fs1\projects /p:n", Use::Add(Add { persistent: Some(false), ..z() })),
            (r"use * \\fs1\projects", Use::Add(add(Name::FirstFree, r"\\fs1\projects"))),
            (r"use \\fs1\projects", Use::Add(add(Name::Deviceless, "//fs1/projects"))),
            ("use /persistent:no", Use::Persistent(false)),
            ("use /P:Y", Use::Persistent(true)),
            ("use n: sftp://nas/srv", Use::Add(add(given("n:"), "sftp://nas/srv"))),
            ("use z: /delete", Use::Delete { name: "z:".into(), yes: None }),
            ("use z: /d /y", Use::Delete { name: "z:".into(), yes: Some(true) }),
            ("use /DELETE Z: /No", Use::Delete { name: "Z:".into(), yes: Some(false) }),
            (r"use \\fs1\projects /delete", Use::Delete { name: r"\\fs1\projects".into(), yes: None }),
            ("use * /delete", Use::DeleteAll { yes: None }),
            ("use * /del /yes", Use::DeleteAll { yes: Some(true) }),
        ];
        for (line, expected) in forms {
            assert_eq!(parsed(line), Ok(Net::Use(expected)), "net {line}");
        }
        for help in ["use /?", "use /help", "use --help", "help use", "help"] {
            assert_eq!(parsed(help), Ok(Net::Help), "net {help}");
        }
        assert_eq!(parsed("helpmsg 2250"), Ok(Net::HelpMsg(2250)));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let lines = [
            "",
            "send",
            "use /frobnicate",
            "use z: nonsense",
            "use a/b //fs1/x",
            "use z: //fs1/x //fs1/y z",
            "use z: //fs1/x hunter2",
            "use z: //fs1/x /persistent:maybe",
            "use z: /delete /user:eve",
            "use /delete",
            "use /user:eve",
            "use /user:eve /persistent:no",
            "use z: /persistent:no",
            "use *",
            "use z: //fs1/x /user:",
            "helpmsg x",
        ];
        let answer = |line: &&str| {
            let why = parsed(line).expect_err("it is not understood");
            assert!(!why.contains("hunter2"), "no password is repeated");
            format!("net {line} -> {why}")
        };
        insta::assert_snapshot!(lines.iter().map(answer).collect::<Vec<_>>().join("\n"), @r#"
        net  -> 
        net send -> The command send is unknown.
        net use /frobnicate -> The option /FROBNICATE is unknown.
        net use z: nonsense -> The network name nonsense is invalid.
        net use a/b //fs1/x -> The device name a/b is invalid.
        net use z: //fs1/x //fs1/y z -> 
        net use z: //fs1/x hunter2 -> A password does not go on the command line; write * to be asked for it.
        net use z: //fs1/x /persistent:maybe -> The option /PERSISTENT:MAYBE is unknown.
        net use z: /delete /user:eve -> A command was used with conflicting switches.
        net use /delete -> 
        net use /user:eve -> 
        net use /user:eve /persistent:no -> 
        net use z: /persistent:no -> 
        net use * -> 
        net use z: //fs1/x /user: -> The option /USER: is unknown.
        net helpmsg x -> x is no number.
        "#);
    }
}
