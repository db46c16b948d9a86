//! The player's side of a session: RTSP to a server, RTP and RTCP from it, pictures out.
//!
//! Pure parts decide (`machine`, `receive`, `playout`, `ending`, `reports`, and `player`, which joins them); `driver`
//! carries octets between them and the network, `drain` empties the RTP port and `decoder` turns pictures into pixels,
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

pub use classroom::{ClassroomPlayer, ClassroomUrl, ClassroomUrlError, Trouble, TroubleKind};
pub use client::Client;
pub use driver::{FrameOutlets, Screen, Session};
pub use error::Failure;
pub use events::{Command, Event, Input, Output, Path};
pub use message_log::{Conversation, Entry, Media, Message, Speaker};
pub use options::{
    DEFAULT_DELAY, Emulation, MachineOptions, Place, PlayerOptions, Reporter, SessionOptions, TransportChoice,
};
pub use present::decoder::{Decoder, Picture, PictureSlot, fit};
pub use present::frame::Frame;
pub use presentation::Presentation;
pub use reconnect::Interruption;
pub use rtsp::client::Player;
pub use source_url::{Dialect, SourceUrl};
pub use state::{Goal, RtspState, Status};
