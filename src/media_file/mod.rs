//! Media files on disk: storage, an index that grows in the background, and the library of served files.
//!
//! [`MediaFile::open`] returns as soon as the first frame is known. The rest of the file is indexed on a thread;
//! [`MediaFile::progress`] follows it, [`MediaFile::info`] returns what is known so far, and
//! [`MediaFile::read_frame`] reads one frame. A [`Library`] maps the names in RTSP URLs to media files; URLs are
//! never turned into paths.
//!
//! ```
//! use reelay::media::FrameRate;
//! use reelay::media_file::MediaFile;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const SAMPLE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sample.mjpeg"));
//! let media_file = MediaFile::from_memory(SAMPLE, "sample.mjpeg", FrameRate::CLASSROOM)?;
//! assert!(media_file.read_frame(0)?.starts_with(b"\xFF\xD8"));
//! # Ok(())
//! # }
//! ```

mod disk_file;
mod error;
mod file;
mod film_list;
mod film_writer;
mod folder_listing;
mod folder_replacement;
mod folder_scan;
mod folder_writer;
mod frame_names;
mod image_folder;
mod index_progress;
mod index_scan;
pub(crate) mod info;
mod library;
mod natural_order;
mod open_file;
mod side_index;
mod storage;
mod stream_description;

pub use error::MediaFileError;
pub use file::MediaFile;
pub use film_list::{FilmsOfFolder, ListedFilm, films_of_folder, is_list_name, read_list};
pub use film_writer::{FilmWriteError, FilmWriter, RecordingPlace, aside_path};
pub use folder_writer::{FolderWriteError, FolderWriter};
pub use index_progress::IndexProgress;
pub use info::MediaInfo;
pub use library::{AddedFolder, Library, renamed_message};
pub use stream_description::{is_description_name, read_description};
