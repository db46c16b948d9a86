//! Lists in header fields.

/// The parts of a list, as `separates` tells them apart; within quotes nothing does.
pub fn split_list(value: &str, separates: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = value.split(move |character| {
        is_quoted ^= character == '"';
        !is_quoted && separates(character)
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_together_what_is_in_them() {
        let parts = |value| split_list(value, |c| matches!(c, ',' | ';')).collect::<Vec<_>>();
        assert_eq!(parts("a;b=\"1,2;3\" , c"), ["a", "b=\"1,2;3\"", "c"]);
        assert_eq!(parts("a=\"open, to the end"), ["a=\"open, to the end"]);
        assert_eq!(parts(""), [""]);
    }
}
