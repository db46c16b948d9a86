//! The relay: the emulated network between a player and a server that are not ours.
//!
//! A player connects to the relay, and the relay to the server. What the two say to each other is passed on as it is,
//! line by line, but for the ports in Transport, so that RTP and RTCP come to the relay as well: what the server
//! sends passes the emulated network, by datagrams or interleaved; what the player sends is passed on at once.
//! `pieces` and `transport` are pure; the others carry.

mod connection;
mod listener;
mod media_track;
mod part_reader;
mod transport;

pub use listener::{Proxy, ProxyEvent, ProxyObserver, ProxyOptions};
