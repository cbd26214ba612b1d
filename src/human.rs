//! Sizes, times and names as people read them, and text from tapes made safe for a terminal.

use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};
use std::borrow::Cow;
use std::time::Duration;

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// `1.5 GB`: powers of 1000, as on the cartridge.
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match value {
        value if value < 9.95 => format!("{value:.2} {unit}"),
        value if value < 99.5 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    }
}

/// `312 MB/s`.
pub fn rate(bytes_per_second: f64) -> String {
    match bytes_per_second.is_finite() && bytes_per_second >= 0.0 {
        true => format!("{}/s", bytes(bytes_per_second as u64)),
        false => "–".to_owned(),
    }
}

/// `1 234 567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// `2 h 05 min`, `3 min 20 s`, `4.2 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A time of the server (RFC 3339, or UTC without a zone) in this machine's time zone. Year 1 is "never".
pub fn time(text: &str) -> String {
    match parse_server_time(text) {
        Some(time) if time.timestamp() < 0 => "–".to_owned(),
        Some(time) => time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
        None => text.to_owned(),
    }
}

/// A time as it is in its own zone: `Mon 2026-11-23 01:30:00 +01:00`.
pub fn zoned_time(text: &str) -> String {
    let time = DateTime::parse_from_rfc3339(text);
    time.map_or_else(|_| text.to_owned(), |time| time.format("%a %Y-%m-%d %H:%M:%S %:z").to_string())
}

/// Seconds since 1970 in this machine's time zone.
pub fn unix_time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| self::time(&time.to_rfc3339()))
}

/// `rwxr-x---`, as `ls` shows permission bits.
pub fn mode(bits: u64) -> String {
    let class = |shift: u32, special: u64, letter: char| {
        let bit = |value: u64, set: char| if bits >> shift & value != 0 { set } else { '-' };
        let execute = match (bits & special != 0, bits >> shift & 1 != 0) {
            (false, _) => bit(1, 'x'),
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        };
        [bit(4, 'r'), bit(2, 'w'), execute]
    };
    [class(6, 0o4000, 's'), class(3, 0o2000, 's'), class(0, 0o1000, 't')].iter().flatten().collect()
}

fn parse_server_time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc));
    let bare = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| time.and_utc())
    };
    zoned.or_else(bare)
}

/// A moment as people type it: `2026-11-20`, `2026-11-20 14:30`, `2026-11-20T14:30:00+01:00`; without a zone it is
/// this machine's. A day alone means its end.
pub fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(23, 59, 59));
    local
        .or_else(day)
        .and_then(|time| Local.from_local_datetime(&time).latest())
        .map(|time| time.with_timezone(&Utc))
        .ok_or_else(|| "expected a moment such as 2026-11-20, \"2026-11-20 14:30\" or 2026-11-20T14:30:00Z".to_owned())
}

/// A size as people type it: `100G`, `2.5T`, `512MiB`, plain bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is not a size such as 500M, 2.5T or 512MiB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        _ => return Err(wrong()),
    };
    let size = number * factor;
    if size.is_finite() && size < 9e18 { Ok(size as u64) } else { Err(wrong()) }
}

/// Text from anywhere, safe for a terminal and on one line: control characters are written out, and the escapes that
/// stand for bytes of a name that are not UTF-8 (see `tape_format::path_text`) as `\xNN`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escape(text, |character| character.is_control())
}

/// The same, but lines stay lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| character.is_control() && character != '\n')
}

fn escape(text: &str, unsafe_here: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|character| unsafe_here(character) || is_escaped_byte(character)) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|character| match character {
        character if is_escaped_byte(character) => format!("\\x{:02x}", u32::from(character) & 0xff),
        character if unsafe_here(character) => character.escape_default().to_string(),
        character => character.to_string(),
    });
    Cow::Owned(escaped.collect())
}

fn is_escaped_byte(character: char) -> bool {
    u32::from(character) >= 0x10_ff00
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (1500, "1.50 kB"),
            (999_600, "1.00 MB"),
            (123_456_789, "123 MB"),
            (12_000_000_000_000, "12.0 TB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
        for (text, number) in [("100", 100), ("2.5T", 2_500_000_000_000), ("1 MiB", 1 << 20), ("512mib", 512 << 20)] {
            assert_eq!(parse_size(text), Ok(number));
        }
        for text in ["", "G", "1.2.3", "5 parsecs", "99999999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_and_durations() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(duration(Duration::from_millis(4_210)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 05 min");
        assert_eq!(duration(Duration::from_secs(200_000)), "2 days 7 h");
    }

    #[test]
    fn times_of_the_server() {
        assert_eq!(time("0001-01-01T00:00:00Z"), "–");
        assert_eq!(time("soon"), "soon");
        let expected = Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap().with_timezone(&Local);
        for text in ["2026-11-20T12:00:00Z", "2026-11-20T13:00:00.000+01:00", "2026-11-20 12:00:00.123"] {
            assert_eq!(time(text), expected.format("%Y-%m-%d %H:%M:%S").to_string());
        }
    }

    #[test]
    fn modes_look_like_those_of_ls() {
        for (bits, text) in [(0o755, "rwxr-xr-x"), (0o640, "rw-r-----"), (0o4711, "rws--x--x"), (0o1666, "rw-rw-rwT")] {
            assert_eq!(mode(bits), text);
        }
    }

    #[test]
    fn moments() {
        assert_eq!(parse_moment("2026-11-20T14:30:00+01:00").unwrap().to_rfc3339(), "2026-11-20T13:30:00+00:00");
        let day = parse_moment("2026-11-20").unwrap().with_timezone(&Local);
        assert_eq!(day.format("%F %T").to_string(), "2026-11-20 23:59:59");
        assert!(parse_moment("yesterday").unwrap_err().contains("such as 2026-11-20"));
    }

    #[test]
    fn names_cannot_command_the_terminal() {
        assert_eq!(printable("plain ä"), "plain ä");
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("caf\u{10ffe9}"), "caf\\xe9");
        assert_eq!(printable_lines("one\ntwo\u{7}"), "one\ntwo\\u{7}");
    }
}
