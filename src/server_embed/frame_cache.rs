//! A cache of packetized frames, shared by sessions that play the same part of a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::blocking_pool::BlockingPool;
use crate::media::decode::DecodeError;
use crate::media::payload::{PacketizedFrame, PayloadFormat, UnsupportedJpeg, packetize};
use crate::media::reencode::{Quality, to_rfc2435};
use crate::media_file::MediaFile;

/// Default capacity of the cache, in bytes.
pub const DEFAULT_CACHE_CAPACITY: u64 = 64 * 1024 * 1024;

/// A cache of packetized frames, limited by their size in bytes.
#[derive(Debug)]
pub struct FrameCache {
    cache: Cache<CacheKey, Arc<PacketizedFrame>, ByteWeighter>,
    quality: Quality,
    blocking_pool: BlockingPool,
    /// Numbers of frames without restart markers, by the reason.
    without_restarts: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CacheKey {
    media_id: u64,
    format: PayloadFormat,
    frame: u64,
}

#[derive(Debug, Clone)]
struct ByteWeighter;

/// Approximate memory overhead of a packet, in bytes.
const PACKET_OVERHEAD: u64 = 64;

impl Weighter<CacheKey, Arc<PacketizedFrame>> for ByteWeighter {
    fn weight(&self, _: &CacheKey, frame: &Arc<PacketizedFrame>) -> u64 {
        frame.bytes() as u64 + frame.packets().len() as u64 * PACKET_OVERHEAD
    }
}

/// Error of reading or packetizing a frame.
#[derive(Debug)]
pub enum FrameError {
    /// The file has no such frame.
    PastEnd,
    /// The payload format cannot carry the frame.
    Packetize(UnsupportedJpeg),
    /// The frame would have to be re-encoded for RFC 2435, and cannot be decoded.
    Decode(DecodeError),
    /// No frame is where the index of the file says, for this reason.
    Missing(String),
    /// The file cannot be read.
    Io(io::Error),
}

impl FrameCache {
    /// Creates a cache of `capacity` bytes. Frames that RFC 2435 cannot carry unchanged are re-encoded with `quality`.
    pub fn new(capacity: u64, quality: Quality) -> Self {
        let typical_frame = 16 * 1024;
        let items = usize::try_from(capacity / typical_frame).unwrap_or(usize::MAX).max(16);
        let cache = Cache::with_weighter(items, capacity, ByteWeighter);
        Self { cache, quality, blocking_pool: BlockingPool::per_core(), without_restarts: Mutex::default() }
    }

    /// Returns a frame in a payload format, reading it if necessary. Concurrent calls for the same frame read it
    /// once.
    ///
    /// # Errors
    /// Returns an error if the file has no such frame, or if it cannot be read or packetized.
    pub async fn get(
        &self,
        media_file: &Arc<MediaFile>,
        format: PayloadFormat,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let key = CacheKey { media_id: media_file.id(), format, frame };
        self.cache.get_or_insert_async(&key, self.read_and_packetize(media_file, format, frame)).await
    }

    /// Returns a frame in a payload format if it is in the cache.
    pub fn cached(
        &self,
        media_file: &MediaFile,
        format: PayloadFormat,
        frame: u64,
    ) -> Option<Arc<PacketizedFrame>> {
        self.cache.get(&CacheKey { media_id: media_file.id(), format, frame })
    }

    async fn read_and_packetize(
        &self,
        media_file: &Arc<MediaFile>,
        format: PayloadFormat,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let entry = media_file.wait_for_frame(frame).await.ok_or(FrameError::PastEnd)?;
        let (media_file, quality) = (media_file.clone(), self.quality);
        // Reading and re-encoding are slow, and the threads of the runtime have packets to send.
        let packetized = self.blocking_pool.run(move || {
            let jpeg = media_file.read(entry).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => FrameError::Missing(error.to_string()),
                _ => FrameError::Io(error),
            })?;
            packetize_frame(&jpeg, format, quality).map(Arc::new)
        });
        let packetized = packetized.await.unwrap_or_else(|error| Err(FrameError::Io(error)))?;
        if let Some(reason) = packetized.restart_error() {
            self.count_without_restarts(reason);
        }
        Ok(packetized)
    }

    fn count_without_restarts(&self, reason: &'static str) {
        let mut counts = self.without_restarts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(reason).or_default();
        *count += 1;
        if *count == 1 {
            tracing::debug!(reason, "frame is sent without restart markers");
        }
    }

    /// Returns the numbers of frames that were packetized without the restart markers that the format asks for, by the
    /// reason, as a part of a sentence.
    pub fn frames_without_restarts(&self) -> BTreeMap<&'static str, u64> {
        self.without_restarts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Size of the cached frames, in bytes.
    pub fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

fn packetize_frame(
    jpeg: &[u8],
    format: PayloadFormat,
    quality: Quality,
) -> Result<PacketizedFrame, FrameError> {
    let jpeg = match format {
        PayloadFormat::Rfc2435 | PayloadFormat::Rfc2435WithRestarts => {
            to_rfc2435(jpeg, quality).map_err(FrameError::Decode)?
        }
        PayloadFormat::OriginalHeader
        | PayloadFormat::OriginalWithRestarts
        | PayloadFormat::OriginalWithoutRestarts
        | PayloadFormat::Classroom
        | PayloadFormat::SmallClassroom => Cow::Borrowed(jpeg),
    };
    packetize(&jpeg, format).map_err(FrameError::Packetize)
}
