//! Interface of a client: one session over one protocol, without sockets and clocks. Sans-I/O.

use std::fmt;
use std::time::Instant;

use super::events::{ClientInput, ClientOutput};
use super::state::SessionStatus;
use crate::stats::{PacketLog, Snapshot};

/// Client of one protocol.
///
/// The driver passes commands, bytes and packets to [`Client::handle_input`], and calls [`Client::handle_timeout`] at
/// the time that [`Client::poll_timeout`] returns. After each of these calls it performs the outputs of
/// [`Client::poll_output`], until that returns `None`. Clients of all protocols return the same outputs, events and
/// figures.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use reelay::proto::rtcp::{Epoch, NtpTime};
/// use reelay::proto::rtsp::RtspUrl;
/// use reelay::session::{
///     Client, ClientInput, ClientOptions, ClientOutput, DEFAULT_PLAYOUT_DELAY, EmulatorOptions, Goal, NetworkPath,
///     RtcpIdentity, RtspClient, StreamOptions, SessionCommand, SessionEvent,
/// };
///
/// let now = Instant::now();
/// let options = ClientOptions {
///     stream: StreamOptions::default(),
///     playout_delay: DEFAULT_PLAYOUT_DELAY.into(),
///     rtcp_identity: RtcpIdentity { ssrc: 1, cname: "example".to_owned() },
///     emulator: EmulatorOptions::default(),
///     epoch: Epoch { instant: now, ntp: NtpTime(0) },
/// };
/// let mut client = RtspClient::new(RtspUrl::parse("rtsp://camera.example/live")?, options);
///
/// // The user presses Play: the client needs a connection.
/// client.handle_input(now, ClientInput::Command(SessionCommand::SetGoal(Goal::Playing)));
/// let connect = ClientOutput::Connect { host: "camera.example".to_owned(), port: 554, is_tls: false };
/// assert_eq!(client.poll_output(), Some(connect));
/// while client.poll_output().is_some() {}
///
/// // The connection is open: the client writes its first request.
/// client.handle_input(now, ClientInput::Connected(NetworkPath::default()));
/// let request = std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
///     ClientOutput::Write(bytes) => Some(bytes),
///     _ => None,
/// });
/// assert!(request.unwrap().starts_with(b"OPTIONS rtsp://camera.example/live RTSP/1.0\r\n"));
/// while client.poll_output().is_some() {}
///
/// // No response arrives in time.
/// let deadline = client.poll_timeout().unwrap();
/// assert_eq!(deadline, now + Duration::from_secs(5));
/// client.handle_timeout(deadline);
/// let error = std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
///     ClientOutput::Event(SessionEvent::Failed(error)) => Some(error),
///     _ => None,
/// });
/// assert!(error.unwrap().to_string().starts_with("camera.example:554 did not respond to OPTIONS in time"));
/// # Ok::<(), reelay::proto::rtsp::UrlError>(())
/// ```
pub trait Client: fmt::Debug + Send {
    /// Handles an input at `now`.
    fn handle_input(&mut self, now: Instant, input: ClientInput);

    /// Handles all deadlines up to `now`. It may also be called before the next deadline.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns the next output; to be called until it returns `None`.
    fn poll_output(&mut self) -> Option<ClientOutput>;

    /// Returns the time at which [`Client::handle_timeout`] is to be called next. It may change with every input.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Returns state, goal and the request in flight.
    fn status(&self) -> SessionStatus;

    /// Returns the figures at `now`.
    fn snapshot(&mut self, now: Instant) -> Snapshot;

    /// Returns the last packets, each with its fate; `None` before SETUP.
    fn packet_log(&self) -> Option<&PacketLog>;
}
