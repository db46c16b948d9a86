//! Films on disk: storage, the index that grows in the background, and the library of what may be served.
//!
//! [`Film::open`] returns as soon as the first frame is known. The rest of the file is indexed on a thread of its own;
//! [`Film::progress`] follows it, and [`Film::info`] tells what is known at the moment. A [`Library`] maps the names in
//! URLs to films.

mod error;
mod file;
mod index_progress;
mod index_scan;
pub(crate) mod info;
mod library;
mod storage;

pub use error::MediaFileError;
pub use file::MediaFile;
pub use index_progress::IndexProgress;
pub use info::MediaInfo;
pub use library::{AddedFolder, Library, renamed_message};
