//! Every picture reaches players that know nothing but RFC 2435: with the same pixels where its coefficients can be
//! kept, and as good as the same where it has to be drawn anew.

mod common;

use std::borrow::Cow;

use common::jpegs::{Kind, picture, soft_picture};
use reelay::media::decode::decode;
use reelay::media::jpeg::{JpegHeader, with_standard_huffman};
use reelay::media::payload::{Assembled, Depacketizer, Form, packetize};
use reelay::media::recode::{Quality, carriable, draw_anew};
use reelay::proto::rtp::Packet;

const SIZE: (u16, u16) = (160, 120);

/// What a player that knows nothing but RFC 2435 gets to see of a picture.
fn received(jpeg: &[u8]) -> Vec<u8> {
    let carriable = carriable(jpeg, Quality::default()).unwrap();
    let frame = packetize(&carriable, Form::Standard).unwrap();
    let mut depacketizer = Depacketizer::new(None);
    for index in 0..frame.packets().len() {
        let mut octets = Vec::new();
        frame.write_packet(index, index as u16, 0, 9, &mut octets);
        depacketizer.push(&Packet::parse(octets.into()).unwrap());
    }
    match depacketizer.next_assembled() {
        Some(Assembled::Frame(frame)) if frame.is_complete() => frame.jpeg.to_vec(),
        other => panic!("not a whole frame: {other:?}"),
    }
}

#[derive(Debug, PartialEq)]
struct Pixels {
    octets: Vec<u8>,
    width: usize,
    height: usize,
}

fn pixels(jpeg: &[u8]) -> Pixels {
    let mut octets = Vec::new();
    let (width, height) = decode(jpeg, &mut octets).unwrap();
    Pixels { octets, width: width as usize, height: height as usize }
}

impl Pixels {
    /// The part at the top left, without what fills up the last blocks.
    fn cropped(&self, width: usize, height: usize) -> Self {
        let rows = self.octets.chunks_exact(self.width * 4).take(height);
        Self { octets: rows.flat_map(|row| &row[..width * 4]).copied().collect(), width, height }
    }

    /// At half the size, each pixel the mean of four.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |index: usize| {
            let (pixel, part) = (index / 4, index % 4);
            let first = (pixel / width * 2 * self.width + pixel % width * 2) * 4 + part;
            let four = [first, first + 4, first + self.width * 4, first + self.width * 4 + 4];
            (four.iter().map(|&at| u32::from(self.octets[at])).sum::<u32>() / 4) as u8
        };
        Self { octets: (0..width * height * 4).map(mean).collect(), width, height }
    }

    /// Decibels between two pictures of one size: of Y, Cb and Cr.
    fn psnr(&self, other: &Self) -> [f64; 3] {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let mut squares = [0.0; 3];
        for (a, b) in self.octets.chunks_exact(4).zip(other.octets.chunks_exact(4)) {
            let (a, b) = (planes(a), planes(b));
            (0..3).for_each(|plane| squares[plane] += (a[plane] - b[plane]).powi(2));
        }
        let pixels = (self.width * self.height) as f64;
        squares.map(|sum| 10.0 * (255.0 * 255.0 * pixels / sum.max(1e-9)).log10())
    }
}

fn planes(pixel: &[u8]) -> [f64; 3] {
    let [r, g, b] = [0, 1, 2].map(|part| f64::from(pixel[part]));
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, (b - y) * 0.564, (r - y) * 0.713]
}

#[track_caller]
fn assert_as_good(psnr: [f64; 3], what: &str) {
    assert!(psnr[0] >= 38.0 && psnr.iter().all(|plane| *plane >= 32.0), "{what}: {psnr:.1?} dB");
}

/// Kinds whose coefficients RFC 2435 can carry.
fn keeps_its_pixels(kind: Kind) -> bool {
    !matches!(kind, Kind::Classroom444 | Kind::Standard440 | Kind::Grey | Kind::Progressive)
}

#[test]
fn every_kind_of_picture_reaches_every_player() {
    for kind in Kind::ALL {
        for size in [(16, 16), (8, 8), SIZE, (648, 488), (650, 482)] {
            let jpeg = soft_picture(kind, size, 5);
            let (source, arrived) = (pixels(&jpeg), pixels(&received(&jpeg)));
            assert_eq!(arrived.width, source.width.next_multiple_of(8), "{kind:?} {size:?}");
            assert_eq!(arrived.height, source.height.next_multiple_of(8), "{kind:?} {size:?}");
            let seen = arrived.cropped(source.width, source.height);
            if keeps_its_pixels(kind) {
                assert!(seen == source, "{kind:?} {size:?}: {:.1?} dB", seen.psnr(&source));
            } else {
                assert_as_good(seen.psnr(&source), &format!("{kind:?} {size:?}"));
            }
        }
    }
}

#[test]
fn coefficients_that_can_be_kept_are_kept_however_fine_the_picture() {
    for kind in [Kind::OwnHuffman, Kind::SeparateScans, Kind::DoubledFactors, Kind::OwnHuffmanRestarts] {
        let jpeg = picture(kind, SIZE, 7, 255);
        assert!(pixels(&received(&jpeg)) == pixels(&jpeg), "{kind:?}");
    }
}

#[test]
fn only_what_must_be_is_changed() {
    let quality = Quality::default();
    for kind in [Kind::Standard420, Kind::Standard422, Kind::Restarts, Kind::WithoutDht, Kind::Thumbnail] {
        let jpeg = picture(kind, SIZE, 1, 20);
        assert!(matches!(carriable(&jpeg, quality), Ok(Cow::Borrowed(same)) if same == jpeg), "{kind:?}");
    }
    // The same coefficients in the same codes: nothing but the table differed.
    let (own, standard) = (picture(Kind::OwnHuffman, SIZE, 1, 20), picture(Kind::Standard420, SIZE, 1, 20));
    let scan = |jpeg: &[u8]| jpeg[JpegHeader::parse(jpeg).unwrap().scan_start()..].to_vec();
    assert_eq!(scan(&with_standard_huffman(&own).unwrap()), scan(&standard));
    let restarting = with_standard_huffman(&picture(Kind::OwnHuffmanRestarts, SIZE, 1, 20)).unwrap();
    assert_eq!(JpegHeader::parse(&restarting).unwrap().restart_interval(), 4);
    assert_eq!(scan(&restarting), scan(&picture(Kind::Restarts, SIZE, 1, 20)));
}

#[test]
fn what_is_drawn_anew_follows_the_quality() {
    let jpeg = soft_picture(Kind::Classroom444, SIZE, 2);
    let drawn = |quality| draw_anew(&jpeg, Quality::new(quality).unwrap()).unwrap();
    assert!(drawn(10).len() < drawn(60).len() && drawn(60).len() < drawn(100).len());
    let source = pixels(&jpeg);
    assert!(pixels(&drawn(10)).psnr(&source)[0] + 5.0 < pixels(&drawn(95)).psnr(&source)[0]);
}

#[test]
fn pictures_over_2040_pixels_are_scaled_down_whatever_their_kind() {
    for kind in [Kind::Standard420, Kind::Classroom444, Kind::OwnHuffman, Kind::SeparateScans, Kind::Grey] {
        let jpeg = soft_picture(kind, (4_080, 96), 1);
        let (source, arrived) = (pixels(&jpeg), pixels(&received(&jpeg)));
        assert_eq!((arrived.width, arrived.height), (2_040, 48), "{kind:?}");
        let psnr = arrived.psnr(&source.halved());
        assert!(psnr.iter().all(|plane| *plane > 30.0), "{kind:?}: {psnr:.1?} dB");
    }
    let tall = pixels(&received(&soft_picture(Kind::Standard420, (48, 3_000), 1)));
    assert_eq!((tall.width, tall.height), (32, 2_040));
}

#[test]
fn hostile_pictures_are_refused_and_never_panic() {
    for kind in [Kind::OwnHuffman, Kind::SeparateScans, Kind::OwnHuffmanRestarts, Kind::Progressive] {
        let jpeg = picture(kind, (64, 48), 1, 40);
        let scan = JpegHeader::parse(&jpeg).unwrap().scan_start();
        for cut in 0..jpeg.len() {
            let _ = with_standard_huffman(&jpeg[..cut]);
        }
        assert!(with_standard_huffman(&jpeg[..scan + 20]).is_err(), "{kind:?}");
        for octet in 2..jpeg.len() {
            for value in [0, 1, 0x22, 0x7F, 0xD0, 0xFF] {
                let mut changed = jpeg.clone();
                changed[octet] = value;
                let _ = with_standard_huffman(&changed);
                if octet < scan && value != 0x7F {
                    let _ = carriable(&changed, Quality::default());
                }
            }
        }
    }
    assert!(carriable(b"not a picture", Quality::default()).is_err());
}
