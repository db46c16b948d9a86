//! Names and first numbers that must not be guessed.

use super::stream::Identity;

/// A session's identifier: 64 random bits (RFC 2326 §3.4 asks for at least eight bytes).
pub fn new_session_id() -> String {
    format!("{:016X}", rand::random::<u64>())
}

/// What a connection's Digest answers are made with (RFC 2617 §3.2.1): 128 random bits.
pub fn new_nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What answers a classroom program: six digits, which guard nothing.
pub fn new_classroom_session_number() -> u32 {
    rand::random_range(100_000..=999_999)
}

/// A stream's identity (RFC 3550 §5.1, §8.1; RFC 7022 for the canonical name).
pub fn new_stream_identity() -> Identity {
    Identity {
        ssrc: rand::random(),
        first_sequence: rand::random(),
        first_timestamp: rand::random(),
        cname: format!("{:024x}", rand::random::<u128>() >> 32),
    }
}
