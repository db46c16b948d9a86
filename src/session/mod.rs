//! The player's side of a session: RTSP to a server, RTP and RTCP from it, pictures out.
//!
//! Pure parts decide (`machine`, `receive`, `playout`, `ending`, `reports`, and `player`, which joins them); `driver`
//! carries octets between them and the network, `drain` empties the RTP port and `decoder` turns pictures into pixels,
//! each on a thread of its own. `classroom` is the same for servers of the classroom dialect, and `dialect` lets the
//! driver drive either.

mod authorization;
mod classroom;
mod conversation;
mod decoder;
mod dialect;
mod drain;
mod driver;
mod ending;
mod exchange;
mod failure;
mod first_packet;
mod interruption;
mod machine;
mod player;
mod playout;
mod presentation;
mod projector;
mod receive;
mod reorder;
mod reports;
mod retry;
mod source;
mod way_in;

pub use classroom::{
    AddressError as ClassroomAddressError, ClassroomPlayer, Trouble, TroubleKind, film_url, parse_address,
};
pub use conversation::{Conversation, Entry, Media, Message, Speaker};
pub use decoder::{Decoder, Picture, PictureSlot, fit};
pub use dialect::Dialect;
pub use driver::{FrameSink, Screen, Session, SessionOptions};
pub use exchange::{Event, Input, Output, Path, PlayerOptions};
pub use failure::Failure;
pub use interruption::Interruption;
pub use machine::{Goal, MachineOptions, RtspState, Status, TransportChoice};
pub use player::Player;
pub use playout::DEFAULT_DELAY;
pub use presentation::Presentation;
pub use receive::ReceivedFrame;
pub use reports::Reporter;
pub use way_in::{Emulation, Place};
