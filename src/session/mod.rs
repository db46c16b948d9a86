//! Client side of a session: RTSP or HTTP to a server, frames from it to the screen and to taps.
//!
//! [`RtspClient`], [`ClassroomClient`] and [`HttpClient`] implement [`Client`] without sockets and clocks: they share
//! the state machine's core (`machine`), the stages of the media (`pipeline`, `rtp`, `present`) and everything around
//! them (`protocol`). [`Session`] runs a client on sockets: it passes bytes between client and network, receives RTP on
//! a thread of its own and passes frames to [`FrameSinks`], where a [`Decoder`] turns them into pictures on another
//! thread.
//!
//! To play a stream: [`Session::start`], [`Session::send_command`] with a [`Goal`], then read the events and
//! [`Session::figures`].

mod authorization;
mod backoff;
mod certificate;
mod classroom;
mod client;
mod data_timeout;
mod driver;
mod error;
mod events;
mod frame;
mod http;
mod inbound_emulator;
mod incomplete_frames;
mod logged_message;
mod machine;
mod message_log;
mod options;
mod peer_mistakes;
mod pipeline;
mod playback_speed;
mod present;
mod presentation;
mod protocol;
mod reconnect;
mod rtp;
mod rtsp;
mod source_url;
mod state;

pub use certificate::{
    CertificateDetails, CertificateProblem, Fingerprint, ParseFingerprintError, TrustedCertificate,
    TrustedCertificates, UntrustedCertificate,
};
pub use classroom::{
    ArrivedDatagrams, ClassroomClient, ClassroomError, ClassroomErrorKind, ClassroomUrl, ClassroomUrlError,
    PortSpelling,
};
pub use client::Client;
pub use driver::{FrameQueue, FrameSinks, QueuedFrame, RecorderSlot, Screen, Session};
pub use error::{NoDataCause, SessionError};
pub use events::{ClientInput, ClientOutput, NetworkPath, SessionCommand, SessionEvent, TlsProblem};
pub use frame::Frame;
pub use http::{HttpClient, HttpError};
pub use incomplete_frames::incomplete_reason;
pub use logged_message::{Direction, LoggedMessage};
pub use message_log::{LogEntry, MediaPeriod, MessageLog};
pub use options::{
    ClientOptions, DEFAULT_PLAYOUT_DELAY, DEFAULT_SNAPSHOT_INTERVAL, EmulatorOptions, EmulatorPlacement,
    HttpOptions, PlayoutDelay, RtcpIdentity, SessionOptions, StreamOptions, TransportPreference,
};
pub use peer_mistakes::{PeerMistake, PeerMistakes};
pub use playback_speed::{SpeedRefusal, SpeedResponse};
pub use present::decoder::{Decoder, Picture, PictureSlot};
pub use present::picture_view::{
    Orientation, ParseScalingError, PictureView, Placement, Scaler, Scaling, cover_size, fit_size,
};
pub use presentation::Presentation;
pub use reconnect::ReconnectReason;
pub use rtsp::client::RtspClient;
pub use source_url::{Dialect, SourceUrl};
pub use state::{Goal, RtspState, SessionStatus};
