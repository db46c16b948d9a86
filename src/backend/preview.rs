//! Frames that are read without playing, for a moved time line and for the poster.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::media_file::MediaFile;
use crate::proto::rtsp::Npt;

/// A frame of the film, and where it stands.
pub struct Preview {
    /// The compressed frame.
    pub jpeg: Bytes,
    /// Its position in the film.
    pub position: Npt,
}

/// Reads one frame at a time; of those that are asked for meanwhile, the newest is read next.
#[derive(Default)]
pub struct PreviewQueue {
    task: Option<JoinHandle<io::Result<Preview>>>,
    next: Option<u64>,
}

impl PreviewQueue {
    /// Reads a frame, or remembers it while another is being read.
    pub fn read(&mut self, film: &Arc<MediaFile>, frame: u64) {
        if self.task.is_some() {
            self.next = Some(frame);
            return;
        }
        let film = film.clone();
        self.task = Some(spawn_blocking(move || {
            let entry = film.entry(frame).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            Ok(Preview { jpeg: film.read(entry)?, position: entry.time })
        }));
    }

    /// Waits for the frame that is being read; for ever if there is none.
    pub async fn finished(&mut self) -> io::Result<Preview> {
        let Some(reading) = &mut self.task else { return std::future::pending().await };
        let preview = reading.await.unwrap_or_else(|error| Err(error.into()));
        self.task = None;
        preview
    }

    /// Takes out the frame that is to be read next.
    pub fn take_next(&mut self) -> Option<u64> {
        self.next.take()
    }
}
