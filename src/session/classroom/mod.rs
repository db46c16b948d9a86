//! Client of the classroom dialect: RTSP as the programs of a well-known networking exercise implement it.
//!
//! The dialect has no OPTIONS and no DESCRIBE. A message ends where a read ends, so two of them must never be in flight
//! together. Frames are sent as raw JPEG, and the end of a film is the end of its packets. A server is never probed for
//! the dialect, because it would not respond: the user selects it before the first byte is sent.
//!
//! [`ClassroomClient`] is driven as a [`Client`](super::client::Client). `machine` decides which request is next,
//! `messages` encodes and parses, and `receiver` turns datagrams into numbered frames.

mod arrived;
mod client;
mod error;
mod feedback;
mod machine;
mod messages;
mod port_spelling;
mod receiver;
mod url;

pub use arrived::ArrivedDatagrams;
pub use client::ClassroomClient;
pub use error::{ClassroomError, ClassroomErrorKind};
pub use port_spelling::PortSpelling;
pub use url::{ClassroomUrl, ClassroomUrlError};
