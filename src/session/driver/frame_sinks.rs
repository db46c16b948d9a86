//! Destinations of the frames of a session: any number of taps, and the screen.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::frame_queue::RecorderSlot;
use crate::proto::rtsp::Npt;
use crate::session::frame::{Frame, original_jpeg};
use crate::session::present::decoder::Decoder;

/// Destinations of the frames of a session; taps and screen may be combined.
#[derive(Debug, Clone, Default)]
pub struct FrameSinks {
    /// Receivers of every complete frame as soon as it arrives, for recordings and snapshots. The session waits for a
    /// tap that does not keep up.
    pub taps: Vec<mpsc::Sender<Frame>>,
    /// True if taps receive frames with the restart markers that the server has inserted, for taps that only count
    /// frames. [`Frame::into_original`] removes the markers.
    pub keeps_restarts: bool,
    /// Recording of the session, which may begin and end at any time. The session waits for it only if the recording
    /// asks for that, and packets arrive on the connection.
    pub recorder: RecorderSlot,
    /// Screen that shows frames when they are due; `None` if they are only received.
    pub screen: Option<Screen>,
}

/// Screen of a session.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Decoder that turns frames into pictures.
    pub decoder: Arc<Decoder>,
    /// Number that the caller gives the session; its pictures carry it.
    pub generation: u64,
    /// First frame that was shown, for the caller to show again at the beginning.
    pub first_frame: Arc<OnceLock<Bytes>>,
}

impl FrameSinks {
    /// Creates sinks with one tap and no screen.
    pub fn tap_only(sender: mpsc::Sender<Frame>) -> Self {
        Self { taps: vec![sender], ..Self::default() }
    }

    /// Creates sinks with one tap, which receives frames with inserted restart markers, and no screen.
    pub fn marked_tap(sender: mpsc::Sender<Frame>) -> Self {
        Self { keeps_restarts: true, ..Self::tap_only(sender) }
    }

    /// Creates sinks with a screen and no tap.
    pub fn screen(screen: Screen) -> Self {
        Self { screen: Some(screen), ..Self::default() }
    }

    /// Sends a frame to every tap and to the recording. `can_wait` is true if the server waits as long as nothing is
    /// received.
    pub(super) async fn send_to_taps(&self, frame: Frame, can_wait: bool) {
        let queue = self.recorder.queue();
        if queue.is_none() && self.taps.is_empty() {
            return;
        }
        let frame = match queue.is_none() && self.keeps_restarts {
            true => frame,
            false => frame.into_original(),
        };
        if let Some(queue) = queue {
            if can_wait {
                queue.wait_for_space().await;
            }
            queue.push(frame.clone());
        }
        for tap in &self.taps {
            // A tap that needs no more frames has dropped its receiver.
            let _ = tap.send(frame.clone()).await;
        }
    }

    /// Shows a frame now.
    pub(super) fn show(&self, frame: Frame, position: Option<Npt>) {
        if let Some(screen) = &self.screen {
            if frame.fresh_area.is_none() {
                let first_frame = || original_jpeg(frame.jpeg.clone(), frame.inserted_restarts);
                screen.first_frame.get_or_init(first_frame);
            }
            screen.decoder.decode_frame(frame, position, screen.generation);
        }
    }
}
