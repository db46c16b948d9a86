//! Header of a part of a multipart body (RFC 2046 §5.1), and the time in it.

use std::time::UNIX_EPOCH;

use crate::proto::decimal::parse_digits;

/// Header lines of one part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartHeader {
    /// Lines as they arrived, without line ends, each followed by `\n`.
    pub text: String,
    /// Value of Content-Length, in bytes; `None` if it is missing or not a number.
    pub length: Option<usize>,
    /// Value of Content-Type in lower case, without parameters; `None` if it is missing.
    pub content_type: Option<String>,
    /// Time at which the sender captured the frame, in µs since an origin of its own; `None` if it is not stated.
    pub time: Option<u64>,
}

/// Beginnings of the names of headers, in lower case, that only parts have: a body may begin with one of them where the
/// first delimiter is missing.
const PART_HEADERS: [&str; 3] = ["content-", "x-timestamp", "x-framerate"];

impl PartHeader {
    /// Appends a line, without its line end.
    pub fn push_line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        self.text += line;
        self.text.push('\n');
        let Some((name, value)) = line.split_once(':') else { return };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "content-length" => self.length = parse_digits(value).or(self.length),
            "content-type" => {
                let essence = value.split(';').next().unwrap_or_default().trim();
                self.content_type = Some(essence.to_ascii_lowercase());
            }
            _ => self.time = self.time.or_else(|| parse_time(&name, value)),
        }
    }

    /// Returns true if a line has the form of a header.
    pub fn is_header(line: &[u8]) -> bool {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        name.len() < line.len()
            && !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }

    /// Returns true if a line is a header that only parts have.
    pub fn is_part_header(line: &[u8]) -> bool {
        let lower = line.trim_ascii_start().to_ascii_lowercase();
        Self::is_header(line) && PART_HEADERS.iter().any(|name| lower.starts_with(name.as_bytes()))
    }
}

/// Parses a header with the time of a frame; `name` is in lower case. Returns µs.
///
/// No standard defines these headers. `X-Timestamp` is in seconds in most programs (mjpg-streamer, ustreamer); others
/// write milliseconds, microseconds or nanoseconds, which the number of digits or the end of the name shows, or a date
/// (RFC 3339).
pub fn parse_time(name: &str, value: &str) -> Option<u64> {
    let folded: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let unit = folded.strip_prefix("xtimestamp").or_else(|| folded.strip_prefix("timestamp"))?;
    let value = value.trim_matches('"');
    if let Ok(date) = humantime::parse_rfc3339_weak(value) {
        return u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok();
    }
    let number = value.split([' ', ';', ',']).next().unwrap_or_default();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > MAX_DIGITS || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let exponent = match (unit, whole.len()) {
        ("s" | "sec" | "seconds", _) => 6,
        ("ms" | "msec", _) => 3,
        ("us" | "usec", _) => 0,
        ("ns" | "nsec", _) => -3,
        ("", ..=11) => 6,
        ("", 12..=14) => 3,
        ("", 15..=17) => 0,
        ("", _) => -3,
        _ => return None,
    };
    to_micros(whole, fraction, exponent)
}

/// Maximum number of digits before the point.
const MAX_DIGITS: usize = 20;

/// Returns `whole.fraction` times 10 to the power of `exponent`, rounded down.
fn to_micros(whole: &str, fraction: &str, exponent: i32) -> Option<u64> {
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    // In units of 10⁻⁶.
    let scaled = whole.parse::<u128>().ok()? * 1_000_000 + fraction.parse::<u128>().ok()?;
    let power = 10u128.pow(exponent.unsigned_abs());
    let micros = if exponent >= 0 { scaled.checked_mul(power)? } else { scaled / power };
    u64::try_from(micros / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case() {
        let mut header = PartHeader::default();
        for line in [
            &b"content-TYPE : Image/JPEG; charset=x"[..],
            b"CONTENT-LENGTH:  1234 ",
            b"odd line",
            b"X-Timestamp:1.5",
        ] {
            header.push_line(line);
        }
        assert_eq!((header.length, header.content_type.as_deref()), (Some(1_234), Some("image/jpeg")));
        assert_eq!(header.time, Some(1_500_000));
        assert_eq!(header.text.lines().count(), 4);
        for line in [&b"Content-Length: about 5"[..], b"Content-Length: +5"] {
            let mut odd = PartHeader::default();
            odd.push_line(line);
            assert_eq!(odd.length, None);
        }
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        for (name, value, micros) in [
            ("x-timestamp", "1234.567890", 1_234_567_890),
            ("x-timestamp", "1700000000.000123", 1_700_000_000_000_123),
            ("x-timestamp", "1700000000", 1_700_000_000_000_000),
            ("x-timestamp", "1700000000123", 1_700_000_000_123_000),
            ("x-timestamp", "1700000000123456", 1_700_000_000_123_456),
            ("x-timestamp", "1700000000123456789", 1_700_000_000_123_456),
            ("x_timestamp", "\"12\"", 12_000_000),
            ("timestamp", "12.5 s", 12_500_000),
            ("x-timestamp-ms", "1500", 1_500_000),
            ("x-timestamp-sec", "1500", 1_500_000_000),
            ("timestamp-ns", "1500000", 1_500),
            ("x-timestamp-usec", "1500", 1_500),
            ("x-timestamp", "2023-11-14T22:13:20.5Z", 1_700_000_000_500_000),
        ] {
            assert_eq!(parse_time(name, value), Some(micros), "{name}: {value}");
        }
        for (name, value) in [
            ("x-timestamp", "soon"),
            ("x-timestamp", "-5"),
            ("x-timestamp", "1e9"),
            ("x-timestamp-x", "5"),
            ("date", "5"),
        ] {
            assert_eq!(parse_time(name, value), None, "{name}: {value}");
        }
        assert_eq!(parse_time("x-timestamp", &"9".repeat(40)), None);
    }

    #[test]
    fn only_names_of_headers_begin_a_part() {
        assert!(PartHeader::is_part_header(b"content-type: image/jpeg"));
        assert!(!PartHeader::is_part_header(b"Hello: Content-Type"));
        assert!(PartHeader::is_header(b"Any-Thing: x") && !PartHeader::is_header(b"This is text: x"));
        assert!(!PartHeader::is_header(b"no colon") && !PartHeader::is_header(b": x"));
    }
}
