//! Small pictures of frames of the open file, for the time line.

use std::sync::Arc;

use bytes::Bytes;
use fast_image_resize::Resizer;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::media::decode::decode;
use crate::media_file::MediaFile;
use crate::session::{Orientation, PictureView, Scaling};

/// Small picture of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumbnail {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// RGBA pixels, 4 bytes each, row by row.
    pub pixels: Bytes,
    /// Width in pixels, at most [`MAX_SIZE`].
    pub width: u32,
    /// Height in pixels, at most [`MAX_SIZE`].
    pub height: u32,
}

/// Request for the small picture of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThumbnailRequest {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Rotation and reflection of the picture.
    pub orientation: Orientation,
}

/// Maximum width and height of a thumbnail, in pixels.
pub const MAX_SIZE: (u32, u32) = (320, 180);

/// Reader and decoder of one thumbnail at a time. Of those requested meanwhile, only the newest is kept.
#[derive(Default)]
pub struct ThumbnailQueue {
    task: Option<JoinHandle<Result<Thumbnail, String>>>,
    next: Option<ThumbnailRequest>,
}

impl ThumbnailQueue {
    /// Starts to decode a frame, or queues it while another is being decoded.
    pub fn request(&mut self, media_file: &Arc<MediaFile>, request: ThumbnailRequest) {
        if self.task.is_some() {
            self.next = Some(request);
            return;
        }
        let media_file = media_file.clone();
        self.task = Some(spawn_blocking(move || thumbnail(&media_file, request)));
    }

    /// Waits until the current one has finished; the error is the reason why there is none. Never returns if nothing is
    /// being decoded.
    pub async fn finished(&mut self) -> Result<Thumbnail, String> {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let finished = task.await.unwrap_or_else(|error| Err(error.to_string()));
        self.task = None;
        finished
    }

    /// Removes and returns the queued request, if there is one.
    pub fn take_next(&mut self) -> Option<ThumbnailRequest> {
        self.next.take()
    }
}

/// Reads, decodes and scales a frame. Blocks.
fn thumbnail(media_file: &MediaFile, request: ThumbnailRequest) -> Result<Thumbnail, String> {
    let ThumbnailRequest { frame, orientation } = request;
    let entry = media_file.entry(frame).ok_or("there is no such frame")?;
    let jpeg = media_file.read(entry).map_err(|error| error.to_string())?;
    let mut pixels = Vec::new();
    let size = decode(&jpeg, &mut pixels).map_err(|error| error.to_string())?;
    let view = PictureView { scaling: Scaling::Fit, orientation };
    let mut drawn = Vec::new();
    let (width, height) = view.draw(&mut Resizer::new(), &pixels, size, Some(MAX_SIZE), &mut drawn)?;
    Ok(Thumbnail { frame, pixels: drawn.into(), width, height })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::source::SAMPLE;
    use crate::media::FrameRate;

    #[tokio::test]
    async fn newest_request_wins_and_pictures_are_small() {
        let media_file = MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
        let mut progress = media_file.progress();
        progress.wait_for(|progress| progress.is_finished()).await.unwrap();
        let mut queue = ThumbnailQueue::default();
        let upright = Orientation::default();
        for frame in [3, 4, 5] {
            queue.request(&media_file, ThumbnailRequest { frame, orientation: upright });
        }
        let first = queue.finished().await.unwrap();
        assert_eq!((first.frame, first.width, first.height), (3, 320, 180));
        assert_eq!(first.pixels.len(), 320 * 180 * 4);
        let next = queue.take_next().unwrap();
        assert_eq!((next.frame, queue.take_next()), (5, None), "frame 4 is not decoded");
        queue.request(&media_file, ThumbnailRequest { orientation: upright.rotated(), ..next });
        let turned = queue.finished().await.unwrap();
        assert_eq!((turned.width, turned.height), (101, 180));
        queue.request(&media_file, ThumbnailRequest { frame: 1_000_000, orientation: upright });
        assert!(queue.finished().await.is_err());
    }
}
