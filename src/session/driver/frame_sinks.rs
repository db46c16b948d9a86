//! Where the frames of a session go: to any number of taps, and to the screen.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::proto::rtsp::Npt;
use crate::session::present::decoder::Decoder;
use crate::session::present::frame::Frame;

/// Where the frames of a session go. Taps and screen do not exclude each other.
#[derive(Debug, Clone, Default)]
pub struct FrameSinks {
    /// Receivers of every frame, as soon as it is complete: recordings, snapshots, saved frames. The session waits for a
    /// tap that does not keep up.
    pub taps: Vec<mpsc::Sender<Frame>>,
    /// The screen, which shows frames when they are due.
    pub screen: Option<Screen>,
}

/// The screen of a session.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Turns frames into pictures.
    pub decoder: Arc<Decoder>,
    /// The caller's number for the session; its pictures carry it.
    pub generation: u64,
    /// The first frame that was shown, to be shown again when the session stands still.
    pub first_frame: Arc<OnceLock<Bytes>>,
}

impl FrameSinks {
    /// One tap and no screen.
    pub fn tap_only(sender: mpsc::Sender<Frame>) -> Self {
        Self { taps: vec![sender], screen: None }
    }

    /// A screen and no tap.
    pub fn screen(screen: Screen) -> Self {
        Self { taps: Vec::new(), screen: Some(screen) }
    }

    /// Sends a frame to every tap.
    pub(super) async fn send_to_taps(&self, frame: Frame) {
        for tap in &self.taps {
            // A tap that wants no more frames has dropped the receiver.
            let _ = tap.send(frame.clone()).await;
        }
    }

    /// Shows a frame now.
    pub(super) fn show(&self, frame: Frame, position: Option<Npt>) {
        if let Some(screen) = &self.screen {
            screen.first_frame.get_or_init(|| frame.jpeg.clone());
            screen.decoder.decode(frame.jpeg, position, screen.generation);
        }
    }
}
