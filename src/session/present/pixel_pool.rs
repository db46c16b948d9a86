//! Pixel buffers that are used again when no picture needs them any more. New memory for each picture would cost the
//! system more time than the decoder needs for it.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;

/// Pixels of a picture, shared by the decoder, the screen and the pool.
#[derive(Debug, Clone, Default)]
pub struct SharedPixels(Arc<Vec<u8>>);

impl SharedPixels {
    /// Converts the pixels to bytes without copying them.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for SharedPixels {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Buffers of the pictures of a film. One that is much larger than a picture needs gives its memory back.
#[derive(Debug, Default)]
pub struct PixelPool {
    buffers: Vec<Arc<Vec<u8>>>,
}

/// Number of buffers that are kept: one is on the screen, one waits for it, and one is decoded into.
const MAX_BUFFERS: usize = 3;

impl PixelPool {
    /// Lets `write` fill a buffer, as [`fill`](Self::fill) does, without errors.
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> SharedPixels {
        let Ok((pixels, ())) = self.fill(|buffer| {
            write(buffer);
            Ok::<_, Infallible>(())
        });
        pixels
    }

    /// Lets `write` fill a buffer, and returns its pixels. The buffer has the content of an earlier picture, or is
    /// empty.
    ///
    /// # Errors
    /// Returns the error of `write`.
    pub fn fill<T, E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<(SharedPixels, T), E> {
        let free = self.buffers.iter_mut().position(|buffer| Arc::get_mut(buffer).is_some());
        let mut buffer = free.map_or_else(Arc::default, |index| self.buffers.swap_remove(index));
        // Nothing else has it, so that no copy is made.
        let pixels = Arc::make_mut(&mut buffer);
        let result = write(pixels);
        if pixels.capacity() / 2 > pixels.len() {
            // A single large picture does not keep its memory.
            pixels.shrink_to_fit();
        }
        if self.buffers.len() < MAX_BUFFERS {
            self.buffers.push(buffer.clone());
        }
        Ok((SharedPixels(buffer), result?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_only_when_no_picture_needs_them() {
        let mut pool = PixelPool::default();
        let mut fill = |value: u8| -> SharedPixels {
            let write = |buffer: &mut Vec<u8>| {
                buffer.clear();
                buffer.resize(100, value);
                Ok::<_, ()>(())
            };
            pool.fill(write).unwrap().0
        };
        let first = fill(1);
        let address = first.as_ref().as_ptr();
        let second = fill(2);
        assert_ne!(second.as_ref().as_ptr(), address);
        assert_eq!(first.as_ref(), [1; 100]);
        let bytes = first.into_bytes();
        let third = fill(3);
        assert_eq!(bytes[..], [1; 100], "bytes keep the buffer");
        drop(bytes);
        assert_eq!(fill(4).as_ref().as_ptr(), address);
        assert_eq!((second.as_ref()[0], third.as_ref()[0]), (2, 3));
    }

    #[test]
    fn kept_memory_is_bounded() {
        let mut pool = PixelPool::default();
        let pictures: Vec<_> = (0..10).map(|_| pool.fill(|_| Ok::<_, ()>(())).unwrap()).collect();
        assert_eq!(pool.buffers.len(), MAX_BUFFERS);
        let fill = |length| move |buffer: &mut Vec<u8>| buffer.resize(length, 0);
        drop(pool.write(fill(1_000_000)));
        for _ in 0..MAX_BUFFERS {
            drop(pool.write(fill(1_000)));
        }
        assert!(pool.buffers.iter().all(|buffer| buffer.capacity() < 10_000));
        drop(pictures);
        assert_eq!(pool.fill(|_| Err::<(), _>("damaged")).unwrap_err(), "damaged");
        assert_eq!(pool.buffers.len(), MAX_BUFFERS);
    }
}
