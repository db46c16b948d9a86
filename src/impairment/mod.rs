//! Network emulation: loss, corruption, duplication, limited throughput, delay and jitter.
//!
//! A packet passes random loss, bit corruption, duplication, a bottleneck with a queue, and delay with jitter, in this
//! order. Each packet is counted as delivered or by the cause of its loss, so that measurements of the receiver can be
//! compared with these counts. Equal seeds and packets have equal results.
//!
//! [`Link`] emulates one direction of one session. [`Emulator`] holds the settings, which can change at any time, and
//! the counters of all sessions. [`SessionLink`] connects the two, and passes packets through while the emulator is
//! off. Call [`SessionLink::send`] with each packet, and [`SessionLink::poll_packet`] at
//! [`SessionLink::poll_timeout`].

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
