//! Frames that are read without playing: previews while the time line is moved, and the first frame after opening.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::media_file::MediaFile;
use crate::proto::rtsp::Npt;

/// Frame of a file with its position.
pub struct Preview {
    /// JPEG of the frame, as stored in the file.
    pub jpeg: Bytes,
    /// Position of the frame in normal play time.
    pub position: Npt,
}

/// Reader of one frame at a time. Of the frames requested during a read, only the newest is kept.
#[derive(Default)]
pub struct PreviewQueue {
    task: Option<JoinHandle<io::Result<Preview>>>,
    next: Option<u64>,
}

impl PreviewQueue {
    /// Starts to read a frame, or queues it while another is being read.
    pub fn read(&mut self, media_file: &Arc<MediaFile>, frame: u64) {
        if self.task.is_some() {
            self.next = Some(frame);
            return;
        }
        let media_file = media_file.clone();
        self.task = Some(spawn_blocking(move || {
            let entry = media_file.entry(frame).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            Ok(Preview { jpeg: media_file.read(entry)?, position: entry.time })
        }));
    }

    /// Waits until the current read has finished; never returns if there is none.
    pub async fn finished(&mut self) -> io::Result<Preview> {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let preview = task.await.unwrap_or_else(|error| Err(error.into()));
        self.task = None;
        preview
    }

    /// Removes and returns the queued frame, if there is one.
    pub fn take_next(&mut self) -> Option<u64> {
        self.next.take()
    }
}
