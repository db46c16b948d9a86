//! Natural order of file names: numbers count by their value. Sans-I/O.

use std::cmp::Ordering;
use std::ffi::OsStr;

/// Compares two file names.
pub fn compare_names(first: &OsStr, second: &OsStr) -> Ordering {
    compare(first.as_encoded_bytes(), second.as_encoded_bytes())
}

/// Compares two names: `img9` is before `img10`. Case matters only between names that are otherwise equal.
fn compare(first: &[u8], second: &[u8]) -> Ordering {
    let (mut a, mut b) = (first, second);
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        let order = match x.is_ascii_digit() && y.is_ascii_digit() {
            true => {
                let (x, y) = (take_number(&mut a), take_number(&mut b));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            false => {
                (a, b) = (&a[1..], &b[1..]);
                x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
            }
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| first.cmp(second))
}

/// Removes the digits at the beginning of a text, and returns them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(length);
    *text = rest;
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_their_value() {
        let sorted = [
            "0.jpg",
            "00.jpg",
            "1.jpg",
            "002.jpg",
            "10.jpg",
            "18446744073709551616.jpg",
            "a",
            "a1b2.jpg",
            "a1b10.jpg",
            "A2.jpg",
            "a2.jpg",
            "a2.jpg2",
            "b.jpg",
        ];
        for (at, first) in sorted.iter().enumerate() {
            for (other, second) in sorted.iter().enumerate() {
                let order = compare(first.as_bytes(), second.as_bytes());
                assert_eq!(order, at.cmp(&other), "{first} and {second}");
            }
        }
    }
}
