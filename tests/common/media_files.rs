//! Films with the properties of those that are out there.

use std::fs;
use std::path::{Path, PathBuf};

use super::jpegs::{JpegKind, test_jpeg};

/// A film in a folder of its own, which goes with it.
pub struct TestFile {
    folder: tempfile::TempDir,
    path: PathBuf,
    /// The pictures, as they stand in the file.
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

/// How the pictures stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLayout {
    /// A length of this many digits, zero-padded, before each picture.
    Records(usize),
    /// As many pictures as this in each record of five digits.
    MultiFrameRecords(usize),
    /// One behind the other.
    Raw,
    /// As a camera's HTTP answer, with boundaries and headers between them.
    Multipart,
}

/// Pictures of one kind.
pub fn test_jpegs(kind: JpegKind, size: (u16, u16), count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| test_jpeg(kind, size, number, 0)).collect()
}

/// A film of these pictures.
pub fn test_file(layout: FileLayout, frames: Vec<Vec<u8>>) -> TestFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    fs::write(&path, encode_file(layout, &frames)).unwrap();
    TestFile { folder, path, frames }
}

/// The film as a file holds it.
pub fn encode_file(layout: FileLayout, frames: &[Vec<u8>]) -> Vec<u8> {
    match layout {
        FileLayout::Records(digits) => frames
            .iter()
            .flat_map(|p| [format!("{:0digits$}", p.len()).into_bytes(), p.clone()].concat())
            .collect(),
        FileLayout::MultiFrameRecords(count) => {
            let records = frames.chunks(count).map(<[Vec<u8>]>::concat);
            records
                .flat_map(|record| [format!("{:05}", record.len()).into_bytes(), record].concat())
                .collect()
        }
        FileLayout::Raw => frames.concat(),
        FileLayout::Multipart => {
            let part = |p: &Vec<u8>| {
                let head =
                    format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", p.len());
                [head.into_bytes(), p.clone(), b"\r\n".to_vec()].concat()
            };
            frames.iter().flat_map(part).collect()
        }
    }
}
