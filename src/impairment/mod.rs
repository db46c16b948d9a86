//! A bad network, emulated. Pure: packets and times in, packets and times out.
//!
//! A packet that is offered passes, in this order: random loss, duplication, a bottleneck with a queue, bit
//! corruption, delay and jitter. What becomes of each is counted by cause, so that what is measured at the other end
//! can be held against the truth.

mod chance;
mod link;
mod settings;

pub use link::{Counters, Link, Payload};
pub use settings::{Bottleneck, Distribution, Impairments, Jitter, Loss};
