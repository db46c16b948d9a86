//! JPEGs of every kind that Motion JPEG files and cameras contain.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A kind of JPEG found in Motion JPEG files and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JpegKind {
    /// 4:2:0 with the standard Huffman tables; RFC 2435 type 1.
    Standard420,
    /// 4:2:2 with the standard Huffman tables; RFC 2435 type 0.
    Standard422,
    /// `Standard420` with restart markers.
    Restarts,
    /// 4:4:4, component ids 0, 1, 2, Huffman tables before all other segments, no APP0, as in the classroom film.
    Classroom444,
    /// 4:4:0 with the standard Huffman tables, as cameras mounted on their side write them.
    Standard440,
    /// 4:2:0 with a non-standard Huffman table.
    CustomHuffman,
    /// 4:2:0 with optimized Huffman tables and one scan for each component.
    SeparateScans,
    /// 4:2:0 with a comment and no APP0.
    WithComment,
    /// 4:2:0 without any Huffman table, as webcams send it.
    WithoutDht,
    /// 4:2:2 with one scan for each component and all sampling factors doubled, as some encoders write them.
    DoubledSamplingFactors,
    /// `CustomHuffman` with restart markers.
    CustomHuffmanRestarts,
    /// Greyscale: one component, which RFC 2435 cannot carry.
    Grey,
    /// Progressive DCT (SOF2), which RFC 2435 cannot carry.
    Progressive,
    /// A thumbnail in APP1 that contains an SOI and an EOI marker.
    Thumbnail,
    /// An APP1 segment of 3,000 bytes, so that the header is longer than a packet.
    LongHeader,
    /// Fill bytes (0xFF) before each marker, which are allowed and rare.
    FillBytes,
}

impl JpegKind {
    pub const ALL: [Self; 16] = [
        Self::Standard420,
        Self::Standard422,
        Self::Restarts,
        Self::Classroom444,
        Self::Standard440,
        Self::CustomHuffman,
        Self::SeparateScans,
        Self::DoubledSamplingFactors,
        Self::CustomHuffmanRestarts,
        Self::WithComment,
        Self::WithoutDht,
        Self::Grey,
        Self::Progressive,
        Self::Thumbnail,
        Self::LongHeader,
        Self::FillBytes,
    ];
}

/// Encodes a JPEG of this kind and size; `seed` changes the image, `noise` (0 to 255) increases the number of bytes.
pub fn test_jpeg(kind: JpegKind, size: (u16, u16), seed: u32, noise: u8) -> Vec<u8> {
    encode(kind, size, &pixels(size.0, size.1, seed, noise), DEFAULT_QUALITY)
}

/// Encodes a JPEG at quality 30, which has about as many bytes per pixel as real films have.
pub fn coarse_jpeg(kind: JpegKind, size: (u16, u16), seed: u32) -> Vec<u8> {
    encode(kind, size, &pixels(size.0, size.1, seed, 0), 30)
}

/// Encodes a JPEG without hard edges, like a camera image; `seed` changes the image.
pub fn soft_jpeg(kind: JpegKind, size: (u16, u16), seed: u32) -> Vec<u8> {
    encode(kind, size, &soft_pixels(size.0, size.1, seed), DEFAULT_QUALITY)
}

const DEFAULT_QUALITY: u8 = 85;

fn encode(kind: JpegKind, (width, height): (u16, u16), pixels: &[u8], quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(match kind {
        JpegKind::Classroom444 => SamplingFactor::R_4_4_4,
        JpegKind::Standard440 => SamplingFactor::R_4_4_0,
        JpegKind::Standard422 | JpegKind::DoubledSamplingFactors => SamplingFactor::R_4_2_2,
        _ => SamplingFactor::R_4_2_0,
    });
    match kind {
        JpegKind::SeparateScans | JpegKind::DoubledSamplingFactors => {
            encoder.set_optimized_huffman_tables(true)
        }
        JpegKind::Progressive => encoder.set_progressive(true),
        JpegKind::Restarts | JpegKind::CustomHuffmanRestarts => encoder.set_restart_interval(4),
        _ => {}
    }
    if kind == JpegKind::Grey {
        let grey: Vec<u8> = pixels.chunks_exact(3).map(|pixel| pixel[1]).collect();
        encoder.encode(&grey, width, height, ColorType::Luma).unwrap();
    } else {
        encoder.encode(pixels, width, height, ColorType::Rgb).unwrap();
    }
    match kind {
        JpegKind::Classroom444 => to_classroom_layout(&jpeg),
        JpegKind::WithComment => modify_segments(&jpeg, |segments| {
            segments.retain(|(code, _)| *code != APP0);
            segments.insert(0, (COM, b"Drawn for a test".to_vec()));
        }),
        JpegKind::CustomHuffman | JpegKind::CustomHuffmanRestarts => modify_segments(&jpeg, |segments| {
            // One more code, of ten bits, for a symbol that does not occur: the table differs, the data stays the same.
            let is_luminance_dc =
                |(code, body): &&mut (u8, Vec<u8>)| *code == DHT && body[0] == 0 && body.len() == 29;
            let (_, table) = segments
                .iter_mut()
                .find(is_luminance_dc)
                .expect("no segment with the luminance DC table alone");
            table[10] = 1;
            table.push(12);
        }),
        JpegKind::DoubledSamplingFactors => modify_segments(&jpeg, |segments| {
            let (_, frame) = segments.iter_mut().find(|(code, _)| *code == SOF0).expect("no frame header");
            for (component, factors) in [0x22, 0x12, 0x12].into_iter().enumerate() {
                frame[7 + 3 * component] = factors;
            }
        }),
        JpegKind::WithoutDht => modify_segments(&jpeg, |segments| segments.retain(|(code, _)| *code != DHT)),
        JpegKind::Thumbnail => modify_segments(&jpeg, |segments| {
            segments.insert(1, (APP1, [b"Exif\0\0\xFF\xD8\xFF\xDB", &[9; 40][..], b"\xFF\xD9"].concat()));
        }),
        JpegKind::LongHeader => modify_segments(&jpeg, |segments| segments.insert(1, (APP1, vec![7; 3_000]))),
        JpegKind::FillBytes => with_fill_bytes(&jpeg),
        _ => jpeg,
    }
}

fn pixels(width: u16, height: u16, seed: u32, noise: u8) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            let ball = (x + seed * 3) % 64 < 20 && (y + seed) % 48 < 20;
            let base = [x * 255 / u32::from(width), y * 255 / u32::from(height), if ball { 255 } else { 60 }];
            let grain = if noise == 0 { 0 } else { random() % (u32::from(noise) + 1) };
            pixels.extend(base.map(|channel| (channel + grain).min(255) as u8));
        }
    }
    pixels
}

fn soft_pixels(width: u16, height: u16, seed: u32) -> Vec<u8> {
    let phase = f64::from(seed) * 0.3;
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (f64::from(x), f64::from(y));
            let waves =
                [(x / 17.0 + phase).sin(), (y / 13.0 - phase).cos(), ((x + 2.0 * y) / 29.0 + phase).sin()];
            let fine = ((x * 0.9 + phase).sin() * (y * 0.7).cos()) * 12.0;
            pixels.extend(waves.map(|wave| (128.0 + 90.0 * wave + fine) as u8));
        }
    }
    pixels
}

const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const COM: u8 = 0xFE;
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const SOF0: u8 = 0xC0;
const SOS: u8 = 0xDA;

/// Codes and bodies of segments.
pub type Segments = Vec<(u8, Vec<u8>)>;

/// Splits a JPEG into its segments from after SOI up to and including SOS, and the entropy-coded data.
fn split_segments(jpeg: &[u8]) -> (Segments, &[u8]) {
    let (mut segments, mut at) = (Vec::new(), 2);
    loop {
        let code = jpeg[at + 1];
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        segments.push((code, jpeg[at + 4..at + 2 + length].to_vec()));
        at += 2 + length;
        if code == SOS {
            return (segments, &jpeg[at..]);
        }
    }
}

fn join_segments(segments: &Segments, data: &[u8], fill: usize) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    for (code, body) in segments {
        jpeg.extend(std::iter::repeat_n(0xFF, 1 + fill));
        jpeg.push(*code);
        jpeg.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
        jpeg.extend_from_slice(body);
    }
    jpeg.extend_from_slice(data);
    jpeg
}

/// Changes the header segments of a JPEG, from the one after SOI to SOS.
pub fn modify_segments(jpeg: &[u8], change: impl FnOnce(&mut Segments)) -> Vec<u8> {
    let (mut segments, data) = split_segments(jpeg);
    change(&mut segments);
    join_segments(&segments, data, 0)
}

fn with_fill_bytes(jpeg: &[u8]) -> Vec<u8> {
    let (segments, data) = split_segments(jpeg);
    join_segments(&segments, data, 2)
}

/// Rearranges a JPEG like the classroom film: Huffman tables first, one a segment; component ids from 0; no APP0.
fn to_classroom_layout(jpeg: &[u8]) -> Vec<u8> {
    modify_segments(jpeg, |segments| {
        segments.retain(|(code, _)| *code != APP0);
        segments.sort_by_key(|(code, _)| [DHT, DQT, SOF0, SOS].iter().position(|kind| kind == code));
        for (code, body) in segments {
            match *code {
                SOF0 => (0..3).for_each(|component| body[6 + 3 * component] = component as u8),
                SOS => (0..3).for_each(|component| body[1 + 2 * component] = component as u8),
                _ => {}
            }
        }
    })
}
