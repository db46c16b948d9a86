//! The player's side of a session: RTSP to a server, RTP and RTCP from it, pictures out.
//!
//! Pure parts decide (`machine`, `receive`, `playout`, `ending`, `reports`, and `player`, which joins them); `driver`
//! carries bytes between them and the network, `drain` empties the RTP port and `decoder` turns pictures into pixels,
//! each on a thread of its own. `classroom` is the same for servers of the classroom dialect, and `dialect` lets the
//! driver drive either.

mod classroom;
mod client;
mod data_timeout;
mod driver;
mod emulator_tap;
mod error;
mod events;
mod message_log;
mod options;
mod pipeline;
mod present;
mod presentation;
mod protocol;
mod reconnect;
mod rtp;
mod rtsp;
mod source_url;
mod state;

pub use classroom::{ClassroomClient, ClassroomError, ClassroomErrorKind, ClassroomUrl, ClassroomUrlError};
pub use client::Client;
pub use driver::{FrameSinks, Screen, Session};
pub use error::SessionError;
pub use events::{ClientInput, ClientOutput, NetworkPath, SessionCommand, SessionEvent};
pub use message_log::{Direction, LogEntry, LoggedMessage, MediaPeriod, MessageLog};
pub use options::{
    ClientOptions, DEFAULT_PLAYOUT_DELAY, EmulatorOptions, EmulatorPlacement, RtcpIdentity, RtspOptions,
    SessionOptions, TransportPreference,
};
pub use present::decoder::{Decoder, Picture, PictureSlot, fit_size};
pub use present::frame::Frame;
pub use presentation::Presentation;
pub use reconnect::ReconnectReason;
pub use rtsp::client::RtspClient;
pub use source_url::{Dialect, SourceUrl};
pub use state::{Goal, RtspState, SessionStatus};
