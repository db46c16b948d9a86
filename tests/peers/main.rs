//! Real players play from Reelay's server, and Reelay plays from a real server: to the end, every frame, with the right
//! pixels.
//!
//! If a program is not installed, its tests print a message and pass; if `REELAY_REQUIRE_PEERS` is set, they fail
//! instead.

mod avi;
mod captures;
#[path = "../common/mod.rs"]
mod common;
mod images;
mod loss;
mod mov_films;
mod players;
mod programs;
mod recordings;
mod relays;
mod samples;
mod seeks;
mod serve_process;
mod servers;
#[cfg(feature = "tls")]
mod tls;

/// RTP transports, as command-line arguments name them.
const TRANSPORTS: [&str; 2] = ["udp", "tcp"];
