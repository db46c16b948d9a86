//! The classroom dialect: what the programs of a well-known networking exercise speak instead of RTSP.
//!
//! There is no greeting and no description; a message ends where a read ends, so that two of them must never be on
//! their way together; pictures come as raw JPEG, and the end of a film is silence. A server of this dialect is never
//! asked which it speaks, because it would not answer: the user says so before the first byte.

mod client;
mod error;
mod machine;
mod messages;
mod receiver;
mod url;

pub use client::ClassroomClient;
pub use error::{ClassroomError, ClassroomErrorKind};
pub use url::{ClassroomUrl, ClassroomUrlError};
