//! Decimal numbers of headers such as Content-Length (`1*DIGIT`, RFC 9110 §8.6).

use std::str::FromStr;

/// Parses digits without a sign. `None` for other text, for which peers and proxies may see different numbers.
pub fn parse_digits<T: FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    // The parser of the standard library also accepts a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
