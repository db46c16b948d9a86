//! Media files in the formats that cameras and programs write.

use std::fs;
use std::path::{Path, PathBuf};

use super::jpegs::{JpegKind, test_jpeg};

/// A media file in a temporary folder, which is deleted on drop.
pub struct TestFile {
    folder: tempfile::TempDir,
    path: PathBuf,
    /// The JPEGs of the file, in order.
    pub frames: Vec<Vec<u8>>,
}

impl TestFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Layout of the frames in a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLayout {
    /// Each frame follows its length as a zero-padded decimal of this many digits.
    Records(usize),
    /// Each record has a length of five digits and holds this number of frames.
    MultiFrameRecords(usize),
    /// Frames are concatenated without separators.
    Raw,
    /// The body of a camera's `multipart/x-mixed-replace` HTTP response, with boundaries and part headers.
    Multipart,
}

/// Returns `count` different JPEGs of one kind.
pub fn test_jpegs(kind: JpegKind, size: (u16, u16), count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| test_jpeg(kind, size, number, 0)).collect()
}

/// Writes a media file of these frames.
pub fn test_file(layout: FileLayout, frames: Vec<Vec<u8>>) -> TestFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    fs::write(&path, encode_file(layout, &frames)).unwrap();
    TestFile { folder, path, frames }
}

/// Encodes these frames as the contents of a media file.
pub fn encode_file(layout: FileLayout, frames: &[Vec<u8>]) -> Vec<u8> {
    match layout {
        FileLayout::Records(digits) => frames
            .iter()
            .flat_map(|jpeg| [format!("{:0digits$}", jpeg.len()).into_bytes(), jpeg.clone()].concat())
            .collect(),
        FileLayout::MultiFrameRecords(count) => {
            let records = frames.chunks(count).map(<[Vec<u8>]>::concat);
            records
                .flat_map(|record| [format!("{:05}", record.len()).into_bytes(), record].concat())
                .collect()
        }
        FileLayout::Raw => frames.concat(),
        FileLayout::Multipart => {
            let part = |jpeg: &Vec<u8>| {
                let head =
                    format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
                [head.into_bytes(), jpeg.clone(), b"\r\n".to_vec()].concat()
            };
            frames.iter().flat_map(part).collect()
        }
    }
}
