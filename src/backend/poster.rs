//! Small pictures of films for the start screen.

use std::path::Path;

use bytes::Bytes;
use image::{RgbaImage, imageops};
use tokio_util::sync::CancellationToken;

use super::source::{MediaSource, OpenedSource};
use crate::media::{FrameRate, decode};

/// First frame of a film, as a small picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// RGBA pixels, row by row.
    pub pixels: Bytes,
}

/// Reads the poster of a film, with at most this width and height in pixels; `None` for a list of films, a film that is
/// gone, or one whose first frame cannot be decoded. Blocks until the first frame is found.
pub fn read_poster(path: &Path, max_size: (u32, u32)) -> Option<Poster> {
    let source = MediaSource::File(path.to_owned());
    // The rate does not change the first frame.
    let Ok(OpenedSource::Film(film)) = source.open(FrameRate::CLASSROOM, &CancellationToken::new()) else {
        return None;
    };
    let jpeg = film.read_frame(0).ok()?;
    let mut pixels = Vec::new();
    let (width, height) = decode::decode(&jpeg, &mut pixels).ok()?;
    let picture = RgbaImage::from_raw(width, height, pixels)?;
    let scale = |factor: f64, length: u32| ((f64::from(length) * factor).round() as u32).max(1);
    let factor = f64::from(max_size.0) / f64::from(width.max(1));
    let factor = factor.min(f64::from(max_size.1) / f64::from(height.max(1))).min(1.0);
    let poster = imageops::thumbnail(&picture, scale(factor, width), scale(factor, height));
    Some(Poster { width: poster.width(), height: poster.height(), pixels: poster.into_raw().into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::source::SAMPLE;

    #[test]
    fn poster_is_the_first_frame_and_small() {
        let folder = tempfile::tempdir().unwrap();
        let film = folder.path().join("talk.mjpeg");
        std::fs::write(&film, SAMPLE).unwrap();
        let poster = read_poster(&film, (128, 80)).unwrap();
        assert_eq!((poster.width, poster.height, poster.pixels.len()), (128, 72, 128 * 72 * 4));
        let low = read_poster(&film, (128, 36)).unwrap();
        assert_eq!((low.width, low.height), (64, 36));
        let whole = read_poster(&film, (9_000, 9_000)).unwrap();
        assert_eq!((whole.width, whole.height), (640, 360), "it is not enlarged");
        assert!(poster.pixels.iter().any(|byte| *byte != poster.pixels[0]), "it has one colour");
        assert_eq!(read_poster(&folder.path().join("gone.mjpeg"), (128, 80)), None);
        let list = folder.path().join("films.m3u");
        std::fs::write(&list, "talk.mjpeg\n").unwrap();
        assert_eq!(read_poster(&list, (128, 80)), None);
    }
}
