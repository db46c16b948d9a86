//! Decoding: the pixels are as many as the size states, and no more than the limit.

use reelay::media::decode::decode;
use reelay::media::jpeg::MAX_PIXELS;

use super::jpeg_walk::jpegs;

pub fn body(data: &[u8]) {
    let mut pixels = vec![7; 100];
    let result = decode(data, &mut pixels);
    if let Ok((width, height)) = result {
        let count = width as usize * height as usize;
        assert!((1..=MAX_PIXELS).contains(&count));
        assert_eq!(pixels.len(), 4 * count);
        assert!(pixels.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX), "a pixel is transparent");
    }
    // The same buffer again.
    let first = pixels.clone();
    assert_eq!(decode(data, &mut pixels), result);
    assert!(result.is_err() || pixels == first, "the pixels depend on the buffer");
}

pub fn seeds() -> Vec<Vec<u8>> {
    jpegs()
}
