//! Playback factors: the values of the Scale and Speed headers (RFC 2326 §12.34, §12.35).

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// A forward playback factor, in thousandths of the normal rate; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(NonZeroU32);

/// Reason why a Scale or Speed value is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorError {
    /// The number is zero or negative (reverse playback).
    NotForward,
    /// The value is not a decimal number as defined in RFC 2326 §12.34.
    Malformed,
}

impl Factor {
    /// The normal rate, 1.0.
    pub const ONE: Self = Self::from_thousandths(1_000);

    /// Creates a factor from thousandths of the normal rate.
    ///
    /// # Panics
    /// Panics if `thousandths` is zero; in a constant this is an error at compile time.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        match NonZeroU32::new(thousandths) {
            Some(thousandths) => Self(thousandths),
            None => panic!("a playback factor is not zero"),
        }
    }

    /// Returns the factor in thousandths of the normal rate.
    pub fn as_thousandths(self) -> u32 {
        self.0.get()
    }

    /// Parses `2`, `2.0` or `0.25`. Digits beyond thousandths are cut off, but a positive value is at least 0.001.
    ///
    /// # Errors
    /// Returns [`FactorError::NotForward`] for zero and negative numbers, and [`FactorError::Malformed`] for anything
    /// that is not a decimal number.
    pub fn parse(value: &str) -> Result<Self, FactorError> {
        let (is_negative, number) = match value.trim().strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, value.trim()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
            return Err(FactorError::Malformed);
        }
        if is_negative || [whole, fraction].iter().all(|digits| digits.bytes().all(|b| b == b'0')) {
            return Err(FactorError::NotForward);
        }
        // Digits fail to parse only on overflow, which saturates.
        let whole = whole.parse().unwrap_or(u32::MAX);
        let fraction_thousandths: u32 = format!("{fraction:0<3}")[..3].parse().unwrap_or_default();
        let thousandths = whole.saturating_mul(1_000).saturating_add(fraction_thousandths);
        NonZeroU32::new(thousandths.max(1)).map(Self).ok_or(FactorError::NotForward)
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<Factor> for NonZeroU64 {
    /// Returns the factor in thousandths of the normal rate.
    fn from(factor: Factor) -> Self {
        factor.0.into()
    }
}

impl fmt::Display for Factor {
    /// Writes the factor with one to three decimals. Players always write at least one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0.get() / 1_000, self.0.get() % 1_000);
        match thousandths {
            hundreds if hundreds % 100 == 0 => write!(f, "{whole}.{}", hundreds / 100),
            tens if tens % 10 == 0 => write!(f, "{whole}.{:02}", tens / 10),
            _ => write!(f, "{whole}.{thousandths:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_parsed_and_formatted() {
        for (text, thousandths, written) in [
            ("2", 2_000, "2.0"),
            (" 2.000000 ", 2_000, "2.0"),
            ("0.25", 250, "0.25"),
            ("1.", 1_000, "1.0"),
            ("0.33333", 333, "0.333"),
            ("0.00001", 1, "0.001"),
            ("99999999999999999999", u32::MAX, "4294967.295"),
        ] {
            let factor = Factor::parse(text).unwrap();
            assert_eq!((factor.as_thousandths(), factor.to_string().as_str()), (thousandths, written));
        }
    }

    #[test]
    fn backward_zero_and_malformed_factors_are_distinguished() {
        for text in ["-1", "-0.5", "0", "0.000", "-0"] {
            assert_eq!(Factor::parse(text), Err(FactorError::NotForward), "{text}");
        }
        for text in ["", "-", ".5", "1e3", "inf", "NaN", "+2", "2,5", "--2", "½"] {
            assert_eq!(Factor::parse(text), Err(FactorError::Malformed), "{text}");
        }
    }
}
