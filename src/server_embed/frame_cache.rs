//! Frames ready to be sent, read and packetized once for all sessions that are near each other.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::blocking_pool::BlockingPool;
use crate::media::decode::DecodeError;
use crate::media::payload::{PacketizedFrame, PayloadFormat, UnsupportedJpeg, packetize};
use crate::media::reencode::{Quality, to_rfc2435};
use crate::media_file::MediaFile;

/// What a frame costs to keep, by default: 64 MB.
pub const DEFAULT_CACHE_CAPACITY: u64 = 64 * 1024 * 1024;

/// A cache of packetized frames, bounded in bytes.
#[derive(Debug)]
pub struct FrameCache {
    cache: Cache<CacheKey, Arc<PacketizedFrame>, ByteWeighter>,
    quality: Quality,
    blocking_pool: BlockingPool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CacheKey {
    media_id: u64,
    form: PayloadFormat,
    frame: u64,
}

#[derive(Debug, Clone)]
struct ByteWeighter;

/// What a packet costs besides its bytes, roughly.
const PACKET_OVERHEAD: u64 = 64;

impl Weighter<CacheKey, Arc<PacketizedFrame>> for ByteWeighter {
    fn weight(&self, _: &CacheKey, frame: &Arc<PacketizedFrame>) -> u64 {
        frame.bytes() as u64 + frame.packets().len() as u64 * PACKET_OVERHEAD
    }
}

/// Why a frame is not to be had.
#[derive(Debug)]
pub enum FrameError {
    /// The film ends before it.
    PastEnd,
    /// It is there, and this form cannot carry it.
    Packetize(UnsupportedJpeg),
    /// It is there; it would have to be drawn anew, and cannot be decoded.
    Decode(DecodeError),
    /// The file cannot be read any more.
    Io(io::Error),
}

impl FrameCache {
    /// A cache of this many bytes; pictures that have to be drawn anew get this quality.
    pub fn new(capacity: u64, quality: Quality) -> Self {
        let typical_frame = 16 * 1024;
        let items = usize::try_from(capacity / typical_frame).unwrap_or(usize::MAX).max(16);
        let cache = Cache::with_weighter(items, capacity, ByteWeighter);
        Self { cache, quality, blocking_pool: BlockingPool::per_core() }
    }

    /// A frame in a form. Who asks for it while another fetches it waits for the same one.
    ///
    /// # Errors
    /// When it is not to be had.
    pub async fn get(
        &self,
        media_file: &Arc<MediaFile>,
        form: PayloadFormat,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let key = CacheKey { media_id: media_file.id(), form, frame };
        self.cache.get_or_insert_async(&key, self.read_and_packetize(media_file, form, frame)).await
    }

    async fn read_and_packetize(
        &self,
        media_file: &Arc<MediaFile>,
        form: PayloadFormat,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let span = media_file.wait_for_frame(frame).await.ok_or(FrameError::PastEnd)?;
        let (media_file, quality) = (media_file.clone(), self.quality);
        // Disks are slow, drawing a picture anew is slow, and the threads of the runtime have packets to send.
        let work = self.blocking_pool.run(move || {
            let jpeg = media_file.read(span).map_err(FrameError::Io)?;
            packetize_frame(&jpeg, form, quality).map(Arc::new)
        });
        work.await.unwrap_or_else(|error| Err(FrameError::Io(error)))
    }

    /// Bytes kept now.
    pub fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

fn packetize_frame(
    jpeg: &[u8],
    form: PayloadFormat,
    quality: Quality,
) -> Result<PacketizedFrame, FrameError> {
    let jpeg = match form {
        PayloadFormat::Rfc2435 => to_rfc2435(jpeg, quality).map_err(FrameError::Decode)?,
        PayloadFormat::OriginalHeader | PayloadFormat::Classroom => Cow::Borrowed(jpeg),
    };
    packetize(&jpeg, form).map_err(FrameError::Packetize)
}
