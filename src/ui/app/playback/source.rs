//! Origin of the media that is open.

use crate::backend::MediaSource;
use crate::session::{RtspOptions, SourceUrl};

/// Origin of the media that is open.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// File on this machine, or the sample; streamed by the embedded server.
    Local(MediaSource),
    /// Stream of a remote server.
    Stream(SourceUrl, RtspOptions),
}

impl Source {
    /// Returns the name for the title and the status bar.
    pub fn name(&self) -> String {
        match self {
            Self::Local(source) => source.name(),
            Self::Stream(url, _) => url.display_name(),
        }
    }
}
