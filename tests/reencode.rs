//! Frames of every kind are carried by RFC 2435: with identical pixels if their coefficients can be kept, and with
//! similar ones if they have to be re-encoded.

mod common;

use std::borrow::Cow;

use common::jpegs::{JpegKind, soft_jpeg, test_jpeg};
use reelay::media::decode::decode;
use reelay::media::jpeg::{JpegHeader, with_standard_huffman};
use reelay::media::payload::{Assembled, Depacketizer, PayloadFormat, packetize};
use reelay::media::reencode::{Quality, reencode, to_rfc2435};
use reelay::proto::rtp::Packet;

const SIZE: (u16, u16) = (160, 120);

/// Returns the frame that a player receives which supports only RFC 2435.
fn reencode_and_transport(jpeg: &[u8]) -> Vec<u8> {
    let carriable = to_rfc2435(jpeg, Quality::default()).unwrap();
    let frame = packetize(&carriable, PayloadFormat::Rfc2435).unwrap();
    let mut depacketizer = Depacketizer::new(None);
    for index in 0..frame.packets().len() {
        let mut bytes = Vec::new();
        frame.write_packet(index, index as u16, 0, 9, &mut bytes);
        depacketizer.push(&Packet::parse(bytes.into()).unwrap());
    }
    match depacketizer.poll_frame() {
        Some(Assembled::Frame(frame)) if frame.is_complete() => frame.jpeg.to_vec(),
        other => panic!("not a complete frame: {other:?}"),
    }
}

#[derive(Debug, PartialEq)]
struct DecodedPicture {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

fn decode_picture(jpeg: &[u8]) -> DecodedPicture {
    let mut bytes = Vec::new();
    let (width, height) = decode(jpeg, &mut bytes).unwrap();
    DecodedPicture { bytes, width: width as usize, height: height as usize }
}

impl DecodedPicture {
    /// The part at the top left, without the padding of the last blocks.
    fn cropped(&self, width: usize, height: usize) -> Self {
        let rows = self.bytes.chunks_exact(self.width * 4).take(height);
        Self { bytes: rows.flat_map(|row| &row[..width * 4]).copied().collect(), width, height }
    }

    /// The picture at half its size; each pixel is the mean of four.
    fn half_size(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |index: usize| {
            let (pixel, channel) = (index / 4, index % 4);
            let first = (pixel / width * 2 * self.width + pixel % width * 2) * 4 + channel;
            let four = [first, first + 4, first + self.width * 4, first + self.width * 4 + 4];
            (four.iter().map(|&at| u32::from(self.bytes[at])).sum::<u32>() / 4) as u8
        };
        Self { bytes: (0..width * height * 4).map(mean).collect(), width, height }
    }

    /// The peak signal-to-noise ratio of two pictures of the same size, in dB, for Y, Cb and Cr.
    fn psnr(&self, other: &Self) -> [f64; 3] {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let mut squares = [0.0; 3];
        for (a, b) in self.bytes.chunks_exact(4).zip(other.bytes.chunks_exact(4)) {
            let (a, b) = (to_ycbcr(a), to_ycbcr(b));
            (0..3).for_each(|plane| squares[plane] += (a[plane] - b[plane]).powi(2));
        }
        let pixels = (self.width * self.height) as f64;
        squares.map(|sum| 10.0 * (255.0 * 255.0 * pixels / sum.max(1e-9)).log10())
    }
}

fn to_ycbcr(pixel: &[u8]) -> [f64; 3] {
    let [r, g, b] = [0, 1, 2].map(|channel| f64::from(pixel[channel]));
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, (b - y) * 0.564, (r - y) * 0.713]
}

#[track_caller]
fn assert_similar(psnr: [f64; 3], context: &str) {
    assert!(psnr[0] >= 38.0 && psnr.iter().all(|plane| *plane >= 32.0), "{context}: {psnr:.1?} dB");
}

/// Returns true if RFC 2435 can carry the coefficients of the kind unchanged.
fn is_lossless(kind: JpegKind) -> bool {
    !matches!(kind, JpegKind::Classroom444 | JpegKind::Standard440 | JpegKind::Grey | JpegKind::Progressive)
}

#[test]
fn every_jpeg_kind_is_carried_by_rfc_2435() {
    for kind in JpegKind::ALL {
        for size in [(16, 16), (8, 8), SIZE, (648, 488), (650, 482)] {
            let jpeg = soft_jpeg(kind, size, 5);
            let (source, received) = (decode_picture(&jpeg), decode_picture(&reencode_and_transport(&jpeg)));
            assert_eq!(received.width, source.width.next_multiple_of(8), "{kind:?} {size:?}");
            assert_eq!(received.height, source.height.next_multiple_of(8), "{kind:?} {size:?}");
            let seen = received.cropped(source.width, source.height);
            if is_lossless(kind) {
                assert!(seen == source, "{kind:?} {size:?}: {:.1?} dB", seen.psnr(&source));
            } else {
                assert_similar(seen.psnr(&source), &format!("{kind:?} {size:?}"));
            }
        }
    }
}

#[test]
fn lossless_transcoding_keeps_pixels_of_noisy_frames() {
    for kind in [
        JpegKind::CustomHuffman,
        JpegKind::SeparateScans,
        JpegKind::DoubledSamplingFactors,
        JpegKind::CustomHuffmanRestarts,
    ] {
        let jpeg = test_jpeg(kind, SIZE, 7, 255);
        assert!(decode_picture(&reencode_and_transport(&jpeg)) == decode_picture(&jpeg), "{kind:?}");
    }
}

#[test]
fn frame_is_changed_only_as_far_as_necessary() {
    let quality = Quality::default();
    for kind in [
        JpegKind::Standard420,
        JpegKind::Standard422,
        JpegKind::Restarts,
        JpegKind::WithoutDht,
        JpegKind::Thumbnail,
    ] {
        let jpeg = test_jpeg(kind, SIZE, 1, 20);
        assert!(matches!(to_rfc2435(&jpeg, quality), Ok(Cow::Borrowed(same)) if same == jpeg), "{kind:?}");
    }
    // Both frames have the same coefficients, so with the same Huffman table they have the same scan data.
    let (custom, standard) =
        (test_jpeg(JpegKind::CustomHuffman, SIZE, 1, 20), test_jpeg(JpegKind::Standard420, SIZE, 1, 20));
    let scan = |jpeg: &[u8]| jpeg[JpegHeader::parse(jpeg).unwrap().scan_data_start()..].to_vec();
    assert_eq!(scan(&with_standard_huffman(&custom).unwrap()), scan(&standard));
    let restarts = with_standard_huffman(&test_jpeg(JpegKind::CustomHuffmanRestarts, SIZE, 1, 20)).unwrap();
    assert_eq!(JpegHeader::parse(&restarts).unwrap().restart_interval(), 4);
    assert_eq!(scan(&restarts), scan(&test_jpeg(JpegKind::Restarts, SIZE, 1, 20)));
}

#[test]
fn reencoded_size_and_psnr_follow_quality() {
    let jpeg = soft_jpeg(JpegKind::Classroom444, SIZE, 2);
    let reencoded = |quality| reencode(&jpeg, Quality::new(quality).unwrap()).unwrap();
    assert!(reencoded(10).len() < reencoded(60).len() && reencoded(60).len() < reencoded(100).len());
    let source = decode_picture(&jpeg);
    assert!(
        decode_picture(&reencoded(10)).psnr(&source)[0] + 5.0
            < decode_picture(&reencoded(95)).psnr(&source)[0]
    );
}

#[test]
fn frames_over_2040_pixels_are_scaled_down() {
    for kind in [
        JpegKind::Standard420,
        JpegKind::Classroom444,
        JpegKind::CustomHuffman,
        JpegKind::SeparateScans,
        JpegKind::Grey,
    ] {
        let jpeg = soft_jpeg(kind, (4_080, 96), 1);
        let (source, received) = (decode_picture(&jpeg), decode_picture(&reencode_and_transport(&jpeg)));
        assert_eq!((received.width, received.height), (2_040, 48), "{kind:?}");
        let psnr = received.psnr(&source.half_size());
        assert!(psnr.iter().all(|plane| *plane > 30.0), "{kind:?}: {psnr:.1?} dB");
    }
    let tall = decode_picture(&reencode_and_transport(&soft_jpeg(JpegKind::Standard420, (48, 3_000), 1)));
    assert_eq!((tall.width, tall.height), (32, 2_040));
}

#[test]
fn hostile_jpegs_are_rejected_without_panic() {
    for kind in [
        JpegKind::CustomHuffman,
        JpegKind::SeparateScans,
        JpegKind::CustomHuffmanRestarts,
        JpegKind::Progressive,
    ] {
        let jpeg = test_jpeg(kind, (64, 48), 1, 40);
        let scan = JpegHeader::parse(&jpeg).unwrap().scan_data_start();
        for cut in 0..jpeg.len() {
            let _ = with_standard_huffman(&jpeg[..cut]);
        }
        assert!(with_standard_huffman(&jpeg[..scan + 20]).is_err(), "{kind:?}");
        for byte in 2..jpeg.len() {
            for value in [0, 1, 0x22, 0x7F, 0xD0, 0xFF] {
                let mut changed = jpeg.clone();
                changed[byte] = value;
                let _ = with_standard_huffman(&changed);
                if byte < scan && value != 0x7F {
                    let _ = to_rfc2435(&changed, Quality::default());
                }
            }
        }
    }
    assert!(to_rfc2435(b"not a picture", Quality::default()).is_err());
}
