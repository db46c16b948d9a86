//! A bad network, emulated. Pure: packets and times in, packets and times out.
//!
//! A packet that is offered passes, in this order: random loss, bit corruption, duplication, a bottleneck with a queue,
//! delay and jitter. What becomes of each is counted by cause, so that what is measured at the other end can be held
//! against the truth.
//!
//! [`Link`] is the way of the packets of one session in one direction. [`Network`] is what all of them have in common:
//! the settings, live, and the accounts of what has become of each session's packets. [`Passage`] joins the two, and
//! is not in the way while the network is switched off.

mod emulator;
mod format;
mod link;
mod packet;
mod presets;
mod random;
mod session_link;
mod settings;

pub use emulator::{Emulator, EmulatorSettings, EmulatorStats, SessionCounters};
pub use link::{Link, LinkCounters};
pub use packet::{LinkPacket, PacketKind, RawPacket};
pub use presets::{PRESETS, Preset};
pub use session_link::SessionLink;
pub use settings::{Bottleneck, Distribution, Impairments, JitterModel, LossModel};
