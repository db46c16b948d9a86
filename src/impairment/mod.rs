//! A bad network, emulated. Pure: packets and times in, packets and times out.
//!
//! A packet that is offered passes, in this order: random loss, bit corruption, duplication, a bottleneck with a queue,
//! delay and jitter. What becomes of each is counted by cause, so that what is measured at the other end can be held
//! against the truth.
//!
//! [`Link`] is the way of the packets of one session in one direction. [`Network`] is what all of them have in common:
//! the settings, live, and the accounts of what has become of each session's packets. [`Passage`] joins the two, and
//! is not in the way while the network is switched off.

mod chance;
mod datagram;
mod link;
mod network;
mod passage;
mod presets;
mod settings;
mod words;

pub use datagram::{Datagram, Kind, Payload};
pub use link::{Counters, Link};
pub use network::{Account, Conditions, Emulated, Network};
pub use passage::Passage;
pub use presets::{PRESETS, Preset};
pub use settings::{Bottleneck, Distribution, Impairments, Jitter, Loss};
