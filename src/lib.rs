//! Reelay: a Motion JPEG player with an RTSP/RTP server inside.
//!
//! The program has a window that plays films and RTSP streams, and commands that serve films (`reelay serve`), measure
//! streams (`reelay probe`) and emulate bad networks (`reelay proxy`). A film on this machine is played through the
//! embedded server, so that its frames take the same path, and the same figures are measured, as over a network.
//!
//! # Layers
//!
//! Protocol, media and statistics are *sans-I/O*: state machines that take bytes, packets and times as input, and
//! return what to send and when to call them again (`handle_input`, `handle_timeout`, `poll_output`, `poll_timeout`).
//! They have no socket, thread or clock, and are tested on virtual time. A module uses only modules below it;
//! `tests/architecture` checks that.
//!
//! - [`ui`]: the window. [`command_line`]: arguments, and the commands without a window.
//! - [`backend`]: one player for the window, with the embedded server. [`settings`]: values that are saved between
//!   runs.
//! - [`session`]: the client; standard RTSP, the classroom dialect and HTTP, receiving, jitter buffer and decoding.
//!   [`server_embed`]: the server. [`proxy`]: the emulated network between two other programs.
//! - [`recording`]: recording of what a session receives.
//! - [`media_file`]: films on disk, with their index. [`net`]: sockets, ports and deadlines.
//! - [`stats`]: figures and reports. [`impairment`]: the emulated network.
//! - [`media`]: containers, JPEG, RTP payload formats and decoding.
//! - [`proto`]: RTSP, RTP, RTCP, SDP and HTTP. [`mod@format`], [`file_url`] and [`about`]: formatting of numbers with
//!   units, `file:` URLs, and version and notices of the program.
//!
//! # Path of a frame
//!
//! 1. A demuxer ([`media::container`]) finds the frame in its file, and [`media_file`] stores its offset, length and
//!    time in an index.
//! 2. The server reads the frame when it is due, re-encodes it if RFC 2435 cannot carry it, splits it into RTP packets
//!    ([`media::payload`]) and sends them through the emulated network ([`impairment`]) over UDP or the RTSP
//!    connection.
//! 3. The client filters and reorders the packets ([`session`]), counts them ([`stats`]) and assembles the frame.
//! 4. The complete frame goes to the taps, such as saved frames, and into the jitter buffer. At its playout time a
//!    thread decodes it, and the picture is shown in the window.
//!
//! Commands go in the opposite direction: the user sets a [`session::Goal`], and the client sends requests until the
//! [`session::RtspState`], which only responses change, is that goal.
pub mod about;
pub mod backend;
pub mod command_line;
pub mod file_url;
pub mod format;
pub mod impairment;
pub mod media;
pub mod media_file;
pub mod net;
pub mod proto;
pub mod proxy;
pub mod recording;
pub mod server_embed;
pub mod session;
pub mod settings;
pub mod stats;
pub mod ui;
