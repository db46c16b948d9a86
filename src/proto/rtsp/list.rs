//! Lists in header values.

/// Splits a header value at its separators and trims the parts. Separators in a quoted string do not count.
pub fn split_list(value: &str, is_separator: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut in_quotes = false;
    let parts = value.split(move |character| {
        in_quotes ^= character == '"';
        !in_quotes && is_separator(character)
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_separators_do_not_split() {
        let parts = |value| split_list(value, |c| matches!(c, ',' | ';')).collect::<Vec<_>>();
        assert_eq!(parts("a;b=\"1,2;3\" , c"), ["a", "b=\"1,2;3\"", "c"]);
        assert_eq!(parts("a=\"open, to the end"), ["a=\"open, to the end"]);
        assert_eq!(parts(""), [""]);
    }
}
