//! Text of other programs: what it is encoded in, and its lines.

use std::borrow::Cow;

use super::{Bad, LONGEST};

/// The bytes of Windows-1252 from 0x80 to 0x9F; the five that it leaves out are what Windows makes of them.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text: UTF-8 or UTF-16 with a byte order mark, UTF-8 without one, and otherwise Windows-1252.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Bad> {
    if bytes.len() > LONGEST {
        return Err(Bad::new(0, format!("it is longer than {} MiB", LONGEST >> 20)));
    }
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        bytes => Ok(utf8(bytes).unwrap_or_else(|_| Cow::Owned(bytes.iter().map(|b| ansi(*b)).collect()))),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Bad> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Bad::new(line, "the text is not UTF-8")
    })
}

fn utf16(bytes: &[u8], join: fn([u8; 2]) -> u16) -> Result<String, Bad> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    let mut line = 1;
    for unit in char::decode_utf16(pairs.iter().map(|pair| join(*pair))) {
        let c = unit.map_err(|_| Bad::new(line, "the text is not UTF-16"))?;
        line += usize::from(c == '\n');
        text.push(c);
    }
    if rest.is_empty() {
        Ok(text)
    } else {
        Err(Bad::new(line, "half a character of UTF-16 is missing at the end"))
    }
}

fn ansi(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `[name]`.
    Section(&'a str),
    /// `key = value`.
    Pair(&'a str, &'a str),
    /// Neither.
    Other,
}

/// The lines with their numbers, without those that are empty or have only a comment (`;` or `#`).
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, Line<'_>)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with([';', '#'])).map(|(at, line)| {
        if let Some(name) = line.strip_prefix('[') {
            return (at, name.strip_suffix(']').map_or(Line::Other, |name| Line::Section(name.trim())));
        }
        let pair = line.split_once('=').filter(|(key, _)| !key.trim().is_empty());
        (at, pair.map_or(Line::Other, |(key, value)| Line::Pair(key.trim(), value.trim())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_windows_is_read() {
        let utf16 =
            |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let expected = "Büro €";
        assert_eq!(decode("Büro €".as_bytes()).unwrap(), expected);
        assert_eq!(decode("\u{feff}Büro €".as_bytes()).unwrap(), expected);
        assert_eq!(decode(b"B\xfcro \x80").unwrap(), expected);
        assert_eq!(decode(&utf16("\u{feff}Büro €", u16::to_le_bytes)).unwrap(), expected);
        assert_eq!(decode(&utf16("\u{feff}Büro €", u16::to_be_bytes)).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_is_said_with_its_line() {
        assert_eq!(decode(b"\xff\xfea\0\n\0b").unwrap_err().line, 2);
        assert_eq!(decode(b"\xff\xfe\n\0\n\0\x00\xd8a\0").unwrap_err().line, 3);
        assert_eq!(decode(b"\xef\xbb\xbfa\n\xff").unwrap_err().line, 2);
        assert!(decode(&vec![b'x'; LONGEST + 1]).is_err());
    }

    #[test]
    fn lines_have_numbers() {
        let found: Vec<_> = lines("; a\n\n[ x ]\r\nkey = a=b\nnonsense\n=5\n[half\n").collect();
        assert_eq!(
            found,
            [
                (3, Line::Section("x")),
                (4, Line::Pair("key", "a=b")),
                (5, Line::Other),
                (6, Line::Other),
                (7, Line::Other)
            ]
        );
    }
}
