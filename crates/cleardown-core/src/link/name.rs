//! The names of phone-book entries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// The name of a phone-book entry. Compared without regard to case, shown as given.
///
/// The rules are those of `RasValidateEntryName`: one to 256 characters, at least one of them a letter or digit, none of
/// `| > < ? * \ / : "` and no control character, no white space at either end, and no dot at the start; except that a dot and
/// a number name a link that was dialled by number alone ([`EntryName::of_number`]), which no phone book holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryName(String);

impl EntryName {
    /// The longest name, in characters (`RAS_MaxEntryName`).
    pub const LONGEST: usize = 256;

    /// The name of a link that is dialled by number alone: a dot and the number (RasEnumConnections).
    ///
    /// # Errors
    /// [`ErrorKind::BadEntryName`]: the number has characters that no name may have.
    pub fn of_number(number: &str) -> Result<Self, Error> {
        format!(".{number}").parse()
    }

    /// The name as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, when the link has no entry and was dialled by number alone.
    pub fn number(&self) -> Option<&str> {
        self.0.strip_prefix('.')
    }

    /// What names are compared by.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl PartialEq for EntryName {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for EntryName {}
impl std::hash::Hash for EntryName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl From<EntryName> for String {
    fn from(name: EntryName) -> String {
        name.0
    }
}
impl TryFrom<String> for EntryName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}
impl FromStr for EntryName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        // A number may have a star (GSM: `*99#`).
        let plain =
            |c: char| !c.is_control() && (!r#"|><?*\/:""#.contains(c) || (c == '*' && text.starts_with('.')));
        let good = (1..=Self::LONGEST).contains(&text.chars().count())
            && text.trim() == text
            && text.chars().all(plain)
            && text.chars().any(char::is_alphanumeric)
            && (!text.starts_with('.')
                || text[1..].starts_with(|c: char| c.is_ascii_digit() || "+*#".contains(c)));
        if good {
            Ok(EntryName(text.to_owned()))
        } else {
            Err(ErrorKind::BadEntryName(text.to_owned()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_ras() {
        for good in ["Office", "Büro 2", "a", "x.y", ".555-1234", "My (old) modem!", &"n".repeat(256)] {
            assert!(good.parse::<EntryName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            ".",
            ".office",
            "---",
            "a/b",
            r"a\b",
            "a:b",
            "a?",
            " a",
            "a ",
            "a\tb",
            "a\n",
            &"n".repeat(257),
        ] {
            assert!(bad.parse::<EntryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        let name = |text: &str| text.parse::<EntryName>().unwrap();
        assert_eq!(name("Office"), name("OFFICE"));
        assert_eq!(name("Office").as_str(), "Office");
        assert_eq!(EntryName::of_number("555-1234").unwrap().number(), Some("555-1234"));
        assert_eq!(EntryName::of_number("*99#").unwrap().number(), Some("*99#"));
        assert_eq!(name("Office").number(), None);
    }
}
