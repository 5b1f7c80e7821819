//! Numbers and names in the words that people use.

use std::time::Duration;

use cleardown_core::view::Holder;

/// `0 B`, `999 B`, `1.2 kB`, `12 MB`, `1.2 GB`: decimal units, two figures that matter.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        // 999.5 of one unit would round up to 1000 of it.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// `0.3 s`, `41 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds < 10 => format!("{:.1} s", time.as_secs_f64()),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `vim[4711] +1`, or `-` when nobody holds it.
pub(crate) fn holders(holders: &[Holder]) -> String {
    let mut seen: Vec<(u32, &str)> = Vec::new();
    for holder in holders {
        if !seen.contains(&(holder.pid, &holder.program)) {
            seen.push((holder.pid, &holder.program));
        }
    }
    match seen.as_slice() {
        [] => "-".to_owned(),
        [first] => one(*first),
        [first, rest @ ..] => format!("{} +{}", one(*first), rest.len()),
    }
}

fn one((pid, program): (u32, &str)) -> String {
    if pid == 0 { "unseen".to_owned() } else { format!("{program}[{pid}]") }
}

/// A time as people type it: `10`, `1.5`, `500ms`, `2m`, `1h`; without a unit it means seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit:?} is no unit; use ms, s, m or h")),
    };
    let value: f64 = number.trim().parse().map_err(|_| format!("{number:?} is no number"))?;
    let seconds = value * factor;
    // A year is longer than anybody waits, and far from any overflow.
    if !(0.0..=31_536_000.0).contains(&seconds) {
        return Err("a time is between 0 and one year".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The time in milliseconds, as requests carry it.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Control characters (a hostile server's or program's) made harmless for a terminal, and those that turn the direction of
/// writing, with which a name looks like another.
pub(crate) fn printable(text: &str) -> String {
    if !text.chars().any(is_harmful) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Besides control characters: line and paragraph separators, and Unicode's `Bidi_Control`.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_figures() {
        let shown =
            [0, 999, 1000, 1_234, 9_949, 9_951, 12_000_000, 999_499, 999_501, 1_200_000_000, u64::MAX];
        let words: Vec<String> = shown.into_iter().map(bytes).collect();
        assert_eq!(
            words,
            [
                "0 B", "999 B", "1.0 kB", "1.2 kB", "9.9 kB", "10 kB", "12 MB", "999 kB", "1.0 MB", "1.2 GB",
                "18 EB"
            ]
        );
    }

    #[test]
    fn durations_have_two_units() {
        let shown = [300, 41_000, 125_000, 11_400_000, 187_200_000];
        let words: Vec<String> = shown.into_iter().map(|ms| duration(Duration::from_millis(ms))).collect();
        assert_eq!(words, ["0.3 s", "41 s", "2 min 5 s", "3 h 10 min", "2 d 4 h"]);
    }

    #[test]
    fn times_are_read_as_people_type_them() {
        let read = |text| parse_duration(text).map(millis);
        assert_eq!(read("10"), Ok(10_000));
        assert_eq!(read("1.5"), Ok(1500));
        assert_eq!(read("250ms"), Ok(250));
        assert_eq!(read("2m"), Ok(120_000));
        for bad in ["", "x", "-1", "1e99", "nan", "5 weeks", "s"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(printable("a\u{202e}fdp.exe é"), "a\\u{202e}fdp.exe é");
    }
}
