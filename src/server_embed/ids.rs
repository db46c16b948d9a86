//! Random identifiers and initial counters.

use super::stream::Identity;

/// Returns a session identifier: 64 random bits as 16 hexadecimal digits (RFC 2326 §3.4 requires at least eight
/// bytes).
pub fn new_session_id() -> String {
    format!("{:016X}", rand::random::<u64>())
}

/// Returns a nonce for Digest authentication (RFC 2617 §3.2.1): 128 random bits as 32 hexadecimal digits.
pub fn new_nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Returns a session number of six digits for a classroom program. Not a secret: no request is authorized by it.
pub fn new_classroom_session_number() -> u32 {
    rand::random_range(100_000..=999_999)
}

/// Returns the identity of a stream (RFC 3550 §5.1, §8.1), with a random canonical name of 96 bits
/// (RFC 7022).
pub fn new_stream_identity() -> Identity {
    Identity {
        ssrc: rand::random(),
        first_sequence: rand::random(),
        first_timestamp: rand::random(),
        cname: format!("{:024x}", rand::random::<u128>() >> 32),
    }
}
