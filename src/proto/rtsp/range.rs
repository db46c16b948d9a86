//! Normal play time and the Range header (RFC 2326 §3.6, §12.29).

use std::fmt;
use std::time::Duration;

/// A position in a presentation, in microseconds from its beginning (RFC 2326 §3.6).
///
/// Microseconds are fine enough that the position of a frame, written to a header and parsed again, still selects
/// the same frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Npt(u64);

impl Npt {
    /// The beginning of the presentation.
    pub const ZERO: Self = Self(0);

    /// Creates a position from microseconds.
    pub fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the position in microseconds.
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the time from the beginning of the presentation.
    pub fn as_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Returns the position in seconds, for display and for arithmetic that may round.
    pub fn as_secs_f64(self) -> f64 {
        self.as_duration().as_secs_f64()
    }

    /// Parses `12.5` or `00:00:12.5` (RFC 2326 §3.6), rounded to microseconds.
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds = match whole.split(':').collect::<Vec<_>>().as_slice() {
            [seconds] => parse_digits(seconds)?,
            [hours, minutes, seconds] => {
                let (minutes, seconds) = (parse_digits(minutes)?, parse_digits(seconds)?);
                if minutes > 59 || seconds > 59 {
                    return None;
                }
                parse_digits(hours)?.checked_mul(3_600)?.checked_add(minutes * 60 + seconds)?
            }
            _ => return None,
        };
        seconds.checked_mul(1_000_000)?.checked_add(parse_fraction(fraction)?).map(Self)
    }
}

fn parse_digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    text.parse().ok()
}

/// Parses the digits after the decimal point, as microseconds.
fn parse_fraction(fraction: &str) -> Option<u64> {
    fraction.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    let significant = &fraction[..fraction.len().min(6)];
    let micros = if significant.is_empty() {
        0
    } else {
        parse_digits(significant)? * 10u64.pow(6 - significant.len() as u32)
    };
    let round_up = fraction.as_bytes().get(6).is_some_and(|&next| next >= b'5');
    Some(micros + u64::from(round_up))
}

impl From<Duration> for Npt {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Npt {
    /// Writes seconds with three decimals, as servers usually do, or with six for a fraction of a millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros % 1_000 == 0 {
            write!(f, "{seconds}.{:03}", micros / 1_000)
        } else {
            write!(f, "{seconds}.{micros:06}")
        }
    }
}

/// A range of normal play time (RFC 2326 §3.6, §12.29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NptRange {
    /// Start of the range; `None` for the current position (`now`, or no start as in `npt=-5`).
    pub start: Option<Npt>,
    /// End of the range; `None` for the end of the presentation.
    pub end: Option<Npt>,
}

/// Reason why a Range header is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeError {
    /// The range is valid but not in normal play time, for example `smpte=` or `clock=` (RFC 2326 §3.5, §3.7).
    UnsupportedUnit,
    /// The text is not a range, or not one of RFC 2326 §3.6.
    Malformed,
}

impl NptRange {
    /// Returns the range from `start` to the end of the presentation.
    pub fn starting_at(start: Npt) -> Self {
        Self { start: Some(start), end: None }
    }

    /// Parses the value of a Range header or of an `a=range` line in SDP.
    ///
    /// # Errors
    /// Returns [`RangeError::UnsupportedUnit`] for `smpte`, `clock` and every other unit than `npt`, and
    /// [`RangeError::Malformed`] for anything else that cannot be parsed.
    pub fn parse(value: &str) -> Result<Self, RangeError> {
        // `;time=` schedules the start at a wall-clock time (RFC 2326 §12.29) and is ignored.
        let value = value.split(';').next().unwrap_or_default().trim();
        let (unit, range) = value.split_once('=').ok_or(RangeError::Malformed)?;
        if !unit.trim().eq_ignore_ascii_case("npt") {
            return Err(RangeError::UnsupportedUnit);
        }
        let (start, end) = range.trim().split_once('-').ok_or(RangeError::Malformed)?;
        let (start, end) = (start.trim(), end.trim());
        let parsed_end = match end {
            "" => None,
            text => Some(Npt::parse(text).ok_or(RangeError::Malformed)?),
        };
        let parsed_start = match start {
            "" if parsed_end.is_none() => return Err(RangeError::Malformed),
            "" => None,
            "now" => None,
            text => Some(Npt::parse(text).ok_or(RangeError::Malformed)?),
        };
        Ok(Self { start: parsed_start, end: parsed_end })
    }
}

impl fmt::Display for NptRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("npt=")?;
        match self.start {
            Some(start) => write!(f, "{start}")?,
            None => f.write_str("now")?,
        }
        f.write_str("-")?;
        match self.end {
            Some(end) => write!(f, "{end}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_range(text: &str) -> Result<(Option<u64>, Option<u64>), RangeError> {
        NptRange::parse(text).map(|r| (r.start.map(Npt::as_micros), r.end.map(Npt::as_micros)))
    }

    #[test]
    fn npt_forms_of_rfc_2326_section_3_6_are_parsed() {
        assert_eq!(parse_range("npt=123.45-125"), Ok((Some(123_450_000), Some(125_000_000))));
        assert_eq!(parse_range("npt=12:05:35.3-"), Ok((Some(43_535_300_000), None)));
        assert_eq!(parse_range("npt=0:59:59-1:00:00"), Ok((Some(3_599_000_000), Some(3_600_000_000))));
        assert_eq!(parse_range("npt=0:60:00-"), Err(RangeError::Malformed));
        assert_eq!(parse_range("npt=0:00:60-"), Err(RangeError::Malformed));
        assert_eq!(parse_range("npt=now-"), Ok((None, None)));
        assert_eq!(parse_range("npt=-5"), Ok((None, Some(5_000_000))));
        assert_eq!(parse_range(" npt = 0.000- ;time=19970123T143720Z"), Ok((Some(0), None)));
        assert_eq!(parse_range("npt=0-60"), Ok((Some(0), Some(60_000_000))));
    }

    #[test]
    fn unsupported_units_differ_from_malformed_ranges() {
        assert_eq!(parse_range("smpte=10:07:00-10:07:33:05.01"), Err(RangeError::UnsupportedUnit));
        assert_eq!(parse_range("clock=19961108T142300Z-"), Err(RangeError::UnsupportedUnit));
        for text in [
            "npt",
            "npt=",
            "npt=-",
            "npt=a-",
            "npt=1",
            "npt=1:2-",
            "npt=1:99:00-",
            "npt=+1-",
            "npt=99999999999999999999-",
        ] {
            assert_eq!(parse_range(text), Err(RangeError::Malformed), "{text}");
        }
    }

    #[test]
    fn position_round_trips() {
        for micros in [0, 1, 33_333, 50_000, 25_000_000, 66_667, 3_599_999_999] {
            let text = NptRange::starting_at(Npt::from_micros(micros)).to_string();
            assert_eq!(parse_range(&text), Ok((Some(micros), None)), "{text}");
        }
        assert_eq!(NptRange::starting_at(Npt::from_micros(20_000_000)).to_string(), "npt=20.000-");
        assert_eq!(parse_range("npt=0.0333333-"), Ok((Some(33_333), None)));
        assert_eq!(parse_range("npt=0.0666667-"), Ok((Some(66_667), None)));
    }
}
