//! The player's side of a session: RTSP to a server, RTP and RTCP from it, pictures out.
//!
//! Pure parts decide (`machine`, `receive`, `playout`, `ending`, `reports`, and `player`, which joins them); `driver`
//! carries octets between them and the network, `drain` empties the RTP port and `decoder` turns pictures into pixels,
//! each on a thread of its own. `classroom` is the same for servers of the classroom dialect, and `dialect` lets the
//! driver drive either.

mod classroom;
mod client;
mod driver;
mod emulator_tap;
mod error;
mod events;
mod message_log;
mod options;
mod present;
mod presentation;
mod reconnect;
mod rtp;
mod rtsp;
mod state;

pub use classroom::{
    AddressError as ClassroomAddressError, ClassroomPlayer, Trouble, TroubleKind, film_url, parse_address,
};
pub use driver::{FrameSink, Screen, Session};
pub use error::Failure;
pub use events::{Event, Input, Output, Path};
pub use message_log::{Conversation, Entry, Media, Message, Speaker};
pub use options::{
    DEFAULT_DELAY, Dialect, Emulation, MachineOptions, Place, PlayerOptions, Reporter, SessionOptions,
    TransportChoice,
};
pub use present::decoder::{Decoder, Picture, PictureSlot, fit};
pub use present::frame::ReceivedFrame;
pub use presentation::Presentation;
pub use reconnect::Interruption;
pub use rtsp::client::Player;
pub use state::{Goal, RtspState, Status};
