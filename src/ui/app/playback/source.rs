//! Origin of the media that is open.

use std::path::PathBuf;

use crate::backend::MediaSource;
use crate::session::{SourceUrl, StreamOptions};

/// Origin of the media that is open.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// File on this machine, or the sample; streamed by the embedded server.
    Local(MediaSource),
    /// Stream of a remote server.
    Stream(SourceUrl, StreamOptions),
}

impl Source {
    /// Returns the absolute path of a file; `None` for the sample and for streams.
    pub fn file_path(&self) -> Option<PathBuf> {
        match self {
            Self::Local(film) => match film.clone().absolute() {
                MediaSource::File(path) => Some(path),
                MediaSource::Sample => None,
            },
            Self::Stream(..) => None,
        }
    }

    /// Returns the name for the title and the status bar.
    pub fn name(&self) -> String {
        match self {
            Self::Local(source) => source.name(),
            Self::Stream(url, _) => url.display_name(),
        }
    }
}
