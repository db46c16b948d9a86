//! Films with the properties of those that are out there.

use std::fs;
use std::path::{Path, PathBuf};

use super::jpegs::{Kind, picture};

/// A film in a folder of its own, which goes with it.
pub struct TestFilm {
    folder: tempfile::TempDir,
    path: PathBuf,
    /// The pictures, as they stand in the file.
    pub pictures: Vec<Vec<u8>>,
}

impl TestFilm {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// How the pictures stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A length of this many digits, zero-padded, before each picture.
    Records(usize),
    /// As many pictures as this in each record of five digits.
    SeveralARecord(usize),
    /// One behind the other.
    Raw,
    /// As a camera's HTTP answer, with boundaries and headers between them.
    Multipart,
}

/// Pictures of one kind.
pub fn pictures(kind: Kind, size: (u16, u16), count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| picture(kind, size, number, 0)).collect()
}

/// A film of these pictures.
pub fn film(layout: Layout, pictures: Vec<Vec<u8>>) -> TestFilm {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    fs::write(&path, octets(layout, &pictures)).unwrap();
    TestFilm { folder, path, pictures }
}

/// The film as a file holds it.
pub fn octets(layout: Layout, pictures: &[Vec<u8>]) -> Vec<u8> {
    match layout {
        Layout::Records(digits) => pictures
            .iter()
            .flat_map(|p| [format!("{:0digits$}", p.len()).into_bytes(), p.clone()].concat())
            .collect(),
        Layout::SeveralARecord(count) => {
            let records = pictures.chunks(count).map(<[Vec<u8>]>::concat);
            records
                .flat_map(|record| [format!("{:05}", record.len()).into_bytes(), record].concat())
                .collect()
        }
        Layout::Raw => pictures.concat(),
        Layout::Multipart => {
            let part = |p: &Vec<u8>| {
                let head =
                    format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", p.len());
                [head.into_bytes(), p.clone(), b"\r\n".to_vec()].concat()
            };
            pictures.iter().flat_map(part).collect()
        }
    }
}
