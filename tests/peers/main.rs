//! Real players play what Reelay serves, and Reelay plays what a real server serves: to the end, every frame, and with
//! the right pictures.
//!
//! A program that is not installed is passed over with a word about it; where `REELAY_REQUIRE_PEERS` is set, it fails
//! the test instead.

#[path = "../common/mod.rs"]
mod common;
mod players;
mod programs;
mod relays;
mod samples;
mod seeks;
mod serve_process;
mod servers;

/// What carries RTP, as the programs call it.
const TRANSPORTS: [&str; 2] = ["udp", "tcp"];
