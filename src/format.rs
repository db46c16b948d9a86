//! Formatting of numbers with units for display. Sans-I/O.
//!
//! The functions of this module format measured values with about three significant digits. Those of [`exact`] format
//! settings, which users enter with few digits.

use std::time::Duration;

/// Text in place of an unknown value.
pub const UNKNOWN: &str = "–";

/// Formats a data rate in bits per second: `870 kbit/s`, `4.21 Mbit/s`, `12.3 Mbit/s`.
pub fn data_rate(bits_per_second: f64) -> String {
    match bits_per_second {
        rate if rate >= 99.95e6 => format!("{:.0} Mbit/s", rate / 1e6),
        rate if rate >= 9.995e6 => format!("{:.1} Mbit/s", rate / 1e6),
        rate if rate >= 0.9995e6 => format!("{:.2} Mbit/s", rate / 1e6),
        rate => format!("{:.0} kbit/s", rate / 1e3),
    }
}

/// Formats a ratio from 0 to 1 as a percentage: `5.2 %`. A value that is small but not zero is `< 0.1 %`.
pub fn percentage(ratio: f64) -> String {
    match ratio * 100.0 {
        percent if percent > 0.0 && percent < 0.05 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// Formats a duration in milliseconds: `0.42 ms`, `12.3 ms`, `1,250 ms`.
pub fn milliseconds(milliseconds: f64) -> String {
    match milliseconds {
        span if span >= 999.5 => format!("{} ms", count(span.round() as u64)),
        span if span >= 99.95 => format!("{span:.0} ms"),
        span if span >= 9.995 => format!("{span:.1} ms"),
        span => format!("{span:.2} ms"),
    }
}

/// Formats a whole number with thousands separators: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with a noun that takes a plural `s`: `1 packet`, `1,234 packets`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Joins names for a sentence: `a`, `a and b`, `a, b and c`. `None` if there are none.
pub fn enumerated(names: &[String]) -> Option<String> {
    let (last, preceding) = names.split_last()?;
    Some(match preceding {
        [] => last.clone(),
        _ => format!("{} and {last}", preceding.join(", ")),
    })
}

/// Formats a number of bytes in decimal units: `640 bytes`, `12.3 kB`, `4.56 MB`, `2.64 GB`.
pub fn byte_size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 999_500_000.0 => format!("{:.2} GB", bytes / 1e9),
        bytes if bytes >= 999_500.0 => format!("{:.2} MB", bytes / 1e6),
        bytes if bytes >= 1_000.0 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{bytes} bytes"),
    }
}

/// Formats a duration as hours, minutes and seconds: `0:03`, `12:05`, `1:02:03`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, second) = (seconds / 60, seconds % 60);
    match minutes / 60 {
        0 => format!("{minutes}:{second:02}"),
        hours => format!("{hours}:{:02}:{second:02}", minutes % 60),
    }
}

/// Formats a value with `format`; [`UNKNOWN`] if there is none.
pub fn or_unknown<T>(value: Option<T>, format: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), format)
}

/// Formatting of settings: up to three decimals, without trailing zeros.
pub mod exact {
    use std::time::Duration;

    /// Formats a number: `3`, `9.5`, `0.125`.
    pub fn decimal(value: f64) -> String {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Formats a data rate in bits per second: `64 kbit/s`, `1.6 Mbit/s`.
    pub fn data_rate(bits_per_second: u64) -> String {
        match bits_per_second as f64 {
            rate if rate >= 1e6 => format!("{} Mbit/s", decimal(rate / 1e6)),
            rate if rate >= 1e3 => format!("{} kbit/s", decimal(rate / 1e3)),
            rate => format!("{rate} bit/s"),
        }
    }

    /// Formats a ratio from 0 to 1 as a percentage: `5 %`, `0.1 %`.
    pub fn percentage(ratio: f64) -> String {
        format!("{} %", decimal(ratio * 100.0))
    }

    /// Formats a duration in milliseconds: `40 ms`, `9.5 ms`.
    pub fn milliseconds(duration: Duration) -> String {
        format!("{} ms", decimal(duration.as_secs_f64() * 1_000.0))
    }

    /// Formats a number of bytes in binary units: `640 bytes`, `64 KiB`.
    pub fn binary_size(bytes: u32) -> String {
        match bytes {
            bytes if bytes >= 1024 => format!("{} KiB", decimal(f64::from(bytes) / 1024.0)),
            bytes => format!("{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_formatted_for_people() {
        let rates = [0.0, 870_400.0, 999_600.0, 4.21e6, 12.34e6, 123.4e6].map(data_rate);
        let expected = ["0 kbit/s", "870 kbit/s", "1.00 Mbit/s", "4.21 Mbit/s", "12.3 Mbit/s", "123 Mbit/s"];
        assert_eq!(rates, expected);
        assert_eq!([0.0, 0.0001, 0.052].map(percentage), ["0.0 %", "< 0.1 %", "5.2 %"]);
        let spans = [0.0, 0.416, 9.999, 12.34, 250.4, 1_250.2].map(milliseconds);
        assert_eq!(spans, ["0.00 ms", "0.42 ms", "10.0 ms", "12.3 ms", "250 ms", "1,250 ms"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let names = ["a", "b", "c"].map(str::to_owned);
        let enumerated = [0, 1, 2, 3].map(|count| enumerated(&names[..count]).unwrap_or_default());
        assert_eq!(enumerated, ["", "a", "a and b", "a, b and c"]);
        assert_eq!([0, 1, 1_234].map(|n| counted(n, "packet")), ["0 packets", "1 packet", "1,234 packets"]);
        let sizes = [640, 12_340, 4_560_000, 2_636_600_000].map(byte_size);
        assert_eq!(sizes, ["640 bytes", "12.3 kB", "4.56 MB", "2.64 GB"]);
        assert_eq!([3, 725, 3_723].map(|s| clock(Duration::from_secs(s))), ["0:03", "12:05", "1:02:03"]);
        assert_eq!(or_unknown(None::<f64>, percentage), UNKNOWN);
    }

    #[test]
    fn settings_are_formatted_without_trailing_zeros() {
        assert_eq!([3.0, 9.5, 0.125, 0.1 + 0.2].map(exact::decimal), ["3", "9.5", "0.125", "0.3"]);
        let rates = [0, 640, 64_000, 1_600_000, 30_000_000].map(exact::data_rate);
        assert_eq!(rates, ["0 bit/s", "640 bit/s", "64 kbit/s", "1.6 Mbit/s", "30 Mbit/s"]);
        assert_eq!([0.0, 0.001, 0.05, 1.0].map(exact::percentage), ["0 %", "0.1 %", "5 %", "100 %"]);
        let spans = [9_500, 40_000].map(|micros| exact::milliseconds(Duration::from_micros(micros)));
        assert_eq!(spans, ["9.5 ms", "40 ms"]);
        assert_eq!([640, 65_536, 1_536].map(exact::binary_size), ["640 bytes", "64 KiB", "1.5 KiB"]);
    }
}
