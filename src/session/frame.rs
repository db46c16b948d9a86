//! Frame between the receiver and the taps or the screen. Sans-I/O.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::media::jpeg::{FreshArea, InsertedRestarts};

/// Compressed JPEG, complete or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Bytes that arrived, in order: from SOI to EOI if nothing is missing.
    pub jpeg: Bytes,
    /// Ranges of the JPEG that did not arrive, as [`AssembledFrame::missing`] counts them.
    ///
    /// [`AssembledFrame::missing`]: crate::media::payload::AssembledFrame::missing
    pub missing: Vec<Range<usize>>,
    /// Positions at which restart intervals begin, as [`AssembledFrame::restarts`] counts them.
    ///
    /// [`AssembledFrame::restarts`]: crate::media::payload::AssembledFrame::restarts
    pub restarts: Vec<(usize, u16)>,
    /// Restart markers that the sender has inserted into `jpeg`; `None` if there are none, or the frame is damaged.
    pub inserted_restarts: Option<InsertedRestarts>,
    /// Parts of the picture that come from this frame, if it is damaged and `jpeg` was repaired; `None` for a complete
    /// frame, and for a damaged one before its repair.
    pub fresh_area: Option<Arc<FreshArea>>,
    /// RTP timestamp in ticks of 90 kHz, extended so that it never wraps.
    pub timestamp: i64,
    /// Time at which it was assembled, which is the arrival time of its last packet unless a gap was waited for.
    pub arrival: Instant,
}

impl Frame {
    /// Creates a complete frame.
    pub fn complete(jpeg: Bytes, timestamp: i64, arrival: Instant) -> Self {
        Self {
            jpeg,
            missing: Vec::new(),
            restarts: Vec::new(),
            inserted_restarts: None,
            fresh_area: None,
            timestamp,
            arrival,
        }
    }

    /// Returns the frame with the bytes of the film, without inserted restart markers. A frame whose bits were
    /// corrupted on the way keeps them if they cannot be removed.
    pub fn into_original(self) -> Self {
        let jpeg = original_jpeg(self.jpeg, self.inserted_restarts);
        Self { jpeg, restarts: Vec::new(), inserted_restarts: None, ..self }
    }

    /// Returns true if every byte arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Returns a JPEG without the restart markers that its sender has inserted. One whose bits were corrupted on the way
/// keeps them if they cannot be removed.
pub fn original_jpeg(jpeg: Bytes, inserted_restarts: Option<InsertedRestarts>) -> Bytes {
    let Some(inserted) = inserted_restarts else { return jpeg };
    match inserted.remove(&jpeg) {
        Ok(original) => original.into(),
        Err(error) => {
            tracing::debug!(%error, "cannot remove restart markers");
            jpeg
        }
    }
}
