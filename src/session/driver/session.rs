//! Handle of a session that runs in the background.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::frame_sinks::FrameSinks;
use super::task::{Driver, DriverMessage};
use crate::net::clock;
use crate::session::classroom::ClassroomClient;
use crate::session::client::Client;
use crate::session::events::{SessionCommand, SessionEvent};
use crate::session::http::HttpClient;
use crate::session::options::{ClientOptions, RtcpIdentity, SessionOptions};
use crate::session::rtsp::client::RtspClient;
use crate::session::source_url::SourceUrl;
use crate::stats::Figures;

/// Session that runs in the background. Dropping it closes the connection without TEARDOWN.
#[derive(Debug)]
pub struct Session {
    messages: mpsc::Sender<DriverMessage>,
    figures: watch::Receiver<Figures>,
    _task: AbortOnDropHandle<()>,
}

/// Capacity of the queue of commands, in messages.
const MESSAGE_QUEUE_CAPACITY: usize = 64;

impl Session {
    /// Starts a session without a goal on the current Tokio runtime. Its events are sent to `events`.
    pub fn start(
        source: impl Into<SourceUrl>,
        options: SessionOptions,
        sinks: FrameSinks,
        events: mpsc::Sender<SessionEvent>,
    ) -> Self {
        let (messages, message_receiver) = mpsc::channel(MESSAGE_QUEUE_CAPACITY);
        let (figures_sender, figures) = watch::channel(Figures::default());
        let (receive_buffer_size, trusted) = (options.receive_buffer_size, options.trusted.clone());
        let client = new_client(source.into(), options);
        let driver = Driver::new(client, receive_buffer_size, trusted, sinks, events, figures_sender);
        let task = AbortOnDropHandle::new(tokio::spawn(driver.run(message_receiver)));
        Self { messages, figures, _task: task }
    }

    /// Passes a command of the user to the client.
    pub fn send_command(&self, command: SessionCommand) {
        if let Err(error) = self.messages.try_send(DriverMessage::Command(command)) {
            tracing::warn!(%error, "command queue is full; dropping command");
        }
    }

    /// Returns a receiver of the figures, which are updated four times per second.
    pub fn figures(&self) -> watch::Receiver<Figures> {
        self.figures.clone()
    }

    /// Sends TEARDOWN and waits for the response, but not longer than `max_wait`.
    pub async fn finish(self, max_wait: Duration) {
        let (done, finished) = oneshot::channel();
        // Waits behind the commands before it; fails only if the session has ended.
        let torn_down = async {
            if self.messages.send(DriverMessage::Finish(done)).await.is_ok() {
                let _ = finished.await;
            }
        };
        // Dropping the session ends it, with or without a response.
        let _ = timeout(max_wait, torn_down).await;
    }
}

/// Creates a client for the protocol of a source.
fn new_client(source: SourceUrl, options: SessionOptions) -> Box<dyn Client> {
    let rtcp_identity =
        RtcpIdentity { ssrc: rand::random(), cname: format!("{:024x}", rand::random::<u128>() >> 32) };
    let options = ClientOptions {
        stream: options.stream,
        playout_delay: options.playout_delay,
        rtcp_identity,
        emulator: options.emulator,
        epoch: clock::epoch(),
    };
    match source {
        SourceUrl::Rtsp(url) => Box::new(RtspClient::new(url, options)),
        SourceUrl::Classroom(url) => Box::new(ClassroomClient::new(url, options)),
        SourceUrl::Http(url) => Box::new(HttpClient::new(url, options)),
    }
}
