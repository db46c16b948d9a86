//! Snapshots: single frames as files.

use std::borrow::Cow;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbaImage};

use super::name::{unused_path, write_new};
use crate::media::decode::decode;
use crate::media::jpeg::standalone;

/// File format of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotFormat {
    /// The JPEG of the frame. Its bytes are not changed; standard tables that it leaves out are added.
    #[default]
    Jpeg,
    /// PNG of the decoded frame.
    Png,
}

/// Error of a text that names no format of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot is jpeg or png")]
pub struct ParseSnapshotFormatError;

impl SnapshotFormat {
    /// Returns the name in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
        }
    }

    /// Returns the extension of files.
    fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }

    fn encode(self, jpeg: &[u8]) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Jpeg => Ok(standalone(jpeg)),
            Self::Png => encode_png(jpeg).map(Cow::Owned),
        }
    }
}

impl std::str::FromStr for SnapshotFormat {
    type Err = ParseSnapshotFormatError;

    fn from_str(text: &str) -> Result<Self, ParseSnapshotFormatError> {
        let all = [Self::Jpeg, Self::Png];
        all.into_iter().find(|format| format.as_str() == text).ok_or(ParseSnapshotFormatError)
    }
}

/// Saves a frame as a new file in a folder, which is created. `stem` is its name without the extension. Returns its
/// path. Blocks.
///
/// # Errors
/// Returns an error if the frame cannot be decoded for PNG, or if the file cannot be written.
pub fn save_snapshot(folder: &Path, stem: &str, jpeg: &[u8], format: SnapshotFormat) -> io::Result<PathBuf> {
    let bytes = format.encode(jpeg)?;
    let path = unused_path(folder, stem, format.extension())?;
    write_new(&path, &bytes)?;
    Ok(path)
}

fn encode_png(jpeg: &[u8]) -> io::Result<Vec<u8>> {
    let mut pixels = Vec::new();
    let (width, height) = decode(jpeg, &mut pixels).map_err(io::Error::other)?;
    let image = RgbaImage::from_raw(width, height, pixels).ok_or(io::ErrorKind::InvalidData)?;
    // Frames are opaque.
    let image = image::DynamicImage::ImageRgba8(image).into_rgb8();
    let mut png = Vec::new();
    image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(io::Error::other)?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FrameRate;
    use crate::media_file::MediaFile;

    #[test]
    fn snapshot_is_the_frame_itself_or_its_pixels() {
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let film = MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
        let jpeg = film.read_frame(0).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let save = |format| save_snapshot(folder.path(), "sample", &jpeg, format).unwrap();
        let path = save(SnapshotFormat::Jpeg);
        assert_eq!(path.file_name().unwrap(), "sample.jpg");
        assert!(std::fs::read(path).unwrap() == jpeg);
        let mut pixels = Vec::new();
        let size = decode(&jpeg, &mut pixels).unwrap();
        let png = image::open(save(SnapshotFormat::Png)).unwrap();
        assert_eq!((png.width(), png.height()), size);
        assert!(png.color() == image::ColorType::Rgb8 && png.to_rgba8().into_raw() == pixels);
        assert!(save_snapshot(folder.path(), "damaged", b"\xFF\xD8", SnapshotFormat::Png).is_err());
    }
}
