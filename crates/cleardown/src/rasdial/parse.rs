//! What was typed behind `rasdial`. Options may be anywhere and in any case, as in Windows.

use cleardown_core::link::EntryName;

/// A whole command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rasdial {
    Help,
    List,
    Dial(Dial),
    /// Of one entry, or all links.
    Disconnect(Option<EntryName>),
}

/// A dial.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) name: EntryName,
    pub(super) user: Option<String>,
    /// `*`: ask for the password.
    pub(super) ask: bool,
    pub(super) number: Option<String>,
    pub(super) phonebook: Option<String>,
}

/// Why a command is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// Just the syntax.
    Syntax,
    /// This, and the syntax.
    Because(String),
    /// A password is on the command line.
    Password,
    /// An option of Windows that does not exist here.
    Unsupported(&'static str),
}

#[derive(Debug, Default)]
struct Options {
    disconnect: bool,
    help: bool,
    domain: Option<String>,
    number: Option<String>,
    phonebook: Option<String>,
}

pub(super) fn parse(words: &[String]) -> Result<Rasdial, Bad> {
    let mut options = Options::default();
    let mut places = Vec::new();
    for word in words {
        // A path of ours begins with a slash too, but no name of an entry or user does.
        match word.strip_prefix('/') {
            Some(option) => options.take(option, word)?,
            None if word == "--help" || word == "-h" => options.help = true,
            None => places.push(word.as_str()),
        }
    }
    if options.help {
        return Ok(Rasdial::Help);
    }
    let name = |text: &str| {
        text.parse::<EntryName>().map_err(|_| Bad::Because(format!("{text} is no name of an entry.")))
    };
    if options.disconnect {
        return match places.as_slice() {
            [] => Ok(Rasdial::Disconnect(None)),
            [entry] => Ok(Rasdial::Disconnect(Some(name(entry)?))),
            _ => Err(Bad::Syntax),
        };
    }
    let (entry, user, ask) = match places.as_slice() {
        [] if words.is_empty() => return Ok(Rasdial::List),
        [] => return Err(Bad::Syntax),
        [entry] => (name(entry)?, None, false),
        [entry, "*"] => (name(entry)?, None, true),
        [entry, user] => (name(entry)?, Some((*user).to_owned()), false),
        [entry, user, "*"] => (name(entry)?, Some((*user).to_owned()), true),
        // The word is not repeated: it is a password, and already in the process list.
        [_, _, _] => return Err(Bad::Password),
        _ => return Err(Bad::Syntax),
    };
    let user = match (options.domain, user) {
        (Some(domain), Some(user)) => Some(format!("{domain}\\{user}")),
        (Some(_), None) => return Err(Bad::Because("/DOMAIN needs a user.".to_owned())),
        (None, user) => user,
    };
    Ok(Rasdial::Dial(Dial { name: entry, user, ask, number: options.number, phonebook: options.phonebook }))
}

impl Options {
    fn take(&mut self, option: &str, word: &str) -> Result<(), Bad> {
        let unknown = || Bad::Because(format!("The option {} is unknown.", word.to_uppercase()));
        let (key, value) = match option.split_once(':') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value).filter(|value| !value.is_empty())),
            None => (option.to_ascii_lowercase(), None),
        };
        match (key.as_str(), value) {
            ("?" | "help", None) => self.help = true,
            ("d" | "disconnect", None) => self.disconnect = true,
            ("domain", Some(domain)) => self.domain = Some(domain.to_owned()),
            ("phone", Some(number)) => self.number = Some(number.to_owned()),
            ("phonebook", Some(file)) => self.phonebook = Some(file.to_owned()),
            ("callback", Some(_)) => return Err(Bad::Unsupported("callback")),
            ("prefixsuffix", None) => return Err(Bad::Unsupported("dialling rules")),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Rasdial, Bad> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn dial(name: &str) -> Dial {
        Dial { name: name.parse().unwrap(), user: None, ask: false, number: None, phonebook: None }
    }

    #[test]
    fn every_form_is_understood() {
        let eve = || Some("eve".to_owned());
        let forms = [
            ("", Rasdial::List),
            ("/?", Rasdial::Help),
            ("office", Rasdial::Dial(dial("Office"))),
            ("office eve", Rasdial::Dial(Dial { user: eve(), ..dial("office") })),
            ("office eve *", Rasdial::Dial(Dial { user: eve(), ask: true, ..dial("office") })),
            ("office *", Rasdial::Dial(Dial { ask: true, ..dial("office") })),
            (
                "office eve * /DOMAIN:CORP",
                Rasdial::Dial(Dial { user: Some(r"CORP\eve".into()), ask: true, ..dial("office") }),
            ),
            (
                "office /phone:555-1234",
                Rasdial::Dial(Dial { number: Some("555-1234".into()), ..dial("office") }),
            ),
            (
                "/PhoneBook:/tmp/my.pbk office",
                Rasdial::Dial(Dial { phonebook: Some("/tmp/my.pbk".into()), ..dial("office") }),
            ),
            ("office /DISCONNECT", Rasdial::Disconnect(Some("office".parse().unwrap()))),
            ("/d", Rasdial::Disconnect(None)),
        ];
        for (line, expected) in forms {
            assert_eq!(parsed(line), Ok(expected), "rasdial {line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let lines = [
            "office eve hunter2",
            "office eve * more",
            "a/b",
            "office /frob",
            "office /domain:X",
            "/phone:5",
            "office /callback:5",
            "office /phone:",
        ];
        let said: Vec<String> =
            lines.iter().map(|line| format!("{line} -> {:?}", parsed(line).unwrap_err())).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        office eve hunter2 -> Password
        office eve * more -> Syntax
        a/b -> Because("a/b is no name of an entry.")
        office /frob -> Because("The option /FROB is unknown.")
        office /domain:X -> Because("/DOMAIN needs a user.")
        /phone:5 -> Syntax
        office /callback:5 -> Unsupported("callback")
        office /phone: -> Because("The option /PHONE: is unknown.")
        "#);
    }
}
