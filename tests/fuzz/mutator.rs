//! Mutation of inputs. The same generator and seeds give the same input.

use rand::RngExt;
use rand::rngs::SmallRng;

/// Maximum length of an input, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// Numbers at which lengths, counts and positions often go wrong.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    4_096,
    32_767,
    32_768,
    65_535,
    65_536,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    u64::MAX,
];

/// Returns a seed with 1 to 16 random changes; one in 64 stays as it is.
pub fn mutate(rng: &mut SmallRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = pick(rng, seeds).clone();
    if rng.random_range(0..64) == 0 {
        return bytes;
    }
    for _ in 0..1 << rng.random_range(0..5) {
        change(rng, &mut bytes, seeds);
    }
    bytes.truncate(MAX_LENGTH);
    bytes
}

fn pick<'a, T>(rng: &mut SmallRng, values: &'a [T]) -> &'a T {
    &values[rng.random_range(0..values.len())]
}

/// Returns a range of at most `max_length` bytes that is not empty, unless there are none.
fn range(rng: &mut SmallRng, bytes: &[u8], max_length: usize) -> std::ops::Range<usize> {
    if bytes.is_empty() {
        return 0..0;
    }
    let start = rng.random_range(0..bytes.len());
    let end = start + rng.random_range(1..=max_length.min(bytes.len() - start));
    start..end
}

fn change(rng: &mut SmallRng, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = rng.random_range(0..=bytes.len());
    match rng.random_range(0..10) {
        0 | 1 => flip_bit(rng, bytes),
        2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
        3 => {
            let removed = range(rng, bytes, 64);
            bytes.drain(removed);
        }
        4 => {
            let length = rng.random_range(1..=8);
            let byte = [0, b' ', 0xFF, rng.random()][rng.random_range(0..4)];
            bytes.splice(at..at, std::iter::repeat_n(byte, length));
        }
        5 => {
            let copied = bytes[range(rng, bytes, 256)].to_vec();
            bytes.splice(at..at, copied);
        }
        6 => {
            let other = pick(rng, seeds);
            let inserted = other[range(rng, other, 512)].to_vec();
            bytes.splice(at..at, inserted);
        }
        7 => {
            // The beginning of this input and the end of another.
            let other = pick(rng, seeds);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.random_range(0..=other.len())..]);
        }
        8 => replace_integer(rng, bytes, at),
        _ => replace_digits(rng, bytes, at),
    }
}

fn flip_bit(rng: &mut SmallRng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
}

/// Replaces one, two or four bytes by one of [`NUMBERS`], or by a number near the one that they are.
fn replace_integer(rng: &mut SmallRng, bytes: &mut [u8], at: usize) {
    let width = [1, 2, 4][rng.random_range(0..3)];
    let end = bytes.len().min(at + width);
    let field = &mut bytes[at..end];
    let current = field.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let number = match rng.random_range(0..3) {
        0 => current.wrapping_add(rng.random_range(1..=8)),
        1 => current.wrapping_sub(rng.random_range(1..=8)),
        _ => *pick(rng, &NUMBERS),
    };
    let encoded = number.to_be_bytes();
    field.copy_from_slice(&encoded[encoded.len() - field.len()..]);
}

/// Replaces the decimal digits after a position by another number, or inserts one if there are none.
fn replace_digits(rng: &mut SmallRng, bytes: &mut Vec<u8>, at: usize) {
    let start = bytes[at..].iter().position(u8::is_ascii_digit).map_or(at, |found| at + found);
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = if rng.random_range(0..8) == 0 { "-" } else { "" };
    let number = format!("{sign}{}", pick(rng, &NUMBERS));
    bytes.splice(start..start + length, number.into_bytes());
}
