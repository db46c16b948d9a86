//! Forward error correction by parity packets: ULPFEC (RFC 5109) and FlexFEC (RFC 8627).
//!
//! Both send the exclusive or of several packets; they differ in their headers, and in how many packets these can name.

mod flexfec;
mod format;
mod layout;
mod parity;
mod payload;
mod protected;
mod ulpfec;

pub use format::FecFormat;
pub use layout::{GridSize, GroupSize, ParityLayout, ParityLayoutError};
pub use parity::Parity;
