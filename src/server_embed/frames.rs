//! Frames ready to be sent, read and packetized once for all sessions that are near each other.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::workers::Workers;
use crate::media::decode::DecodeError;
use crate::media::payload::{Form, PacketizedFrame, Uncarriable, packetize};
use crate::media::recode::{Quality, carriable};
use crate::media_file::Film;

/// What a frame costs to keep, by default: 64 MB.
pub const DEFAULT_CAPACITY: u64 = 64 * 1024 * 1024;

/// A cache of packetized frames, bounded in octets.
#[derive(Debug)]
pub struct Frames {
    cache: Cache<Key, Arc<PacketizedFrame>, Octets>,
    quality: Quality,
    workers: Workers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    film: u64,
    form: Form,
    frame: u64,
}

#[derive(Debug, Clone)]
struct Octets;

/// What a packet costs besides its octets, roughly.
const PACKET_OVERHEAD: u64 = 64;

impl Weighter<Key, Arc<PacketizedFrame>> for Octets {
    fn weight(&self, _: &Key, frame: &Arc<PacketizedFrame>) -> u64 {
        frame.octets() as u64 + frame.packets().len() as u64 * PACKET_OVERHEAD
    }
}

/// Why a frame is not to be had.
#[derive(Debug)]
pub enum FrameError {
    /// The film ends before it.
    BeyondEnd,
    /// It is there, and this form cannot carry it.
    Uncarriable(Uncarriable),
    /// It is there; it would have to be drawn anew, and cannot be decoded.
    Undecodable(DecodeError),
    /// The file cannot be read any more.
    Io(io::Error),
}

impl Frames {
    /// A cache of this many octets; pictures that have to be drawn anew get this quality.
    pub fn new(capacity: u64, quality: Quality) -> Self {
        let typical_frame = 16 * 1024;
        let items = usize::try_from(capacity / typical_frame).unwrap_or(usize::MAX).max(16);
        let cache = Cache::with_weighter(items, capacity, Octets);
        Self { cache, quality, workers: Workers::per_core() }
    }

    /// A frame in a form. Who asks for it while another fetches it waits for the same one.
    ///
    /// # Errors
    /// When it is not to be had.
    pub async fn get(
        &self,
        film: &Arc<Film>,
        form: Form,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let key = Key { film: film.id(), form, frame };
        self.cache.get_or_insert_async(&key, self.read_and_packetize(film, form, frame)).await
    }

    async fn read_and_packetize(
        &self,
        film: &Arc<Film>,
        form: Form,
        frame: u64,
    ) -> Result<Arc<PacketizedFrame>, FrameError> {
        let span = film.locate(frame).await.ok_or(FrameError::BeyondEnd)?;
        let (film, quality) = (film.clone(), self.quality);
        // Disks are slow, drawing a picture anew is slow, and the threads of the runtime have packets to send.
        let work = self.workers.run(move || {
            let jpeg = film.read(span).map_err(FrameError::Io)?;
            prepare(&jpeg, form, quality).map(Arc::new)
        });
        work.await.unwrap_or_else(|error| Err(FrameError::Io(error)))
    }

    /// Octets kept now.
    pub fn octets(&self) -> u64 {
        self.cache.weight()
    }
}

fn prepare(jpeg: &[u8], form: Form, quality: Quality) -> Result<PacketizedFrame, FrameError> {
    let jpeg = match form {
        Form::Standard => carriable(jpeg, quality).map_err(FrameError::Undecodable)?,
        Form::OriginalHeader | Form::Classroom => Cow::Borrowed(jpeg),
    };
    packetize(&jpeg, form).map_err(FrameError::Uncarriable)
}
