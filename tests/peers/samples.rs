//! Films to be played, and what is to be seen of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::films::{Layout, TestFilm, film, pictures};
use crate::common::jpegs::{Kind, coarse_picture, soft_picture};
use crate::programs::run;

/// A film, and what is to be expected of it.
pub struct Sample {
    pub film: TestFilm,
    /// In which ffmpeg decodes the source, so that nothing is lost.
    pub pixel_format: &'static str,
    /// In which players see it.
    pub size: (usize, usize),
    /// RFC 2435 carries the very coefficients, so that every pixel is the same.
    pub keeps_its_pixels: bool,
}

impl Sample {
    pub fn octets_of_a_frame(&self) -> usize {
        let (width, height) = self.size;
        if self.pixel_format == "yuvj444p" { width * height * 3 } else { width * height * 3 / 2 }
    }

    /// The pictures one behind the other, as ffmpeg's own reader likes them.
    pub fn raw_file(&self) -> PathBuf {
        let path = self.film.folder().join("raw.jpegs");
        fs::write(&path, self.film.pictures.concat()).unwrap();
        path
    }

    /// All its frames, decoded by ffmpeg's own reader.
    #[track_caller]
    pub fn source(&self) -> Vec<u8> {
        let (path, (width, height)) = (self.raw_file(), self.size);
        let scale = format!("scale={width}:{height}:flags=area");
        decoded(&["-f", "mjpeg", "-i", path.to_str().unwrap(), "-vf", &scale], self.pixel_format)
    }

    /// Which of its pictures these are, by their pixels.
    #[track_caller]
    pub fn numbers(&self, seen: &[u8]) -> Vec<usize> {
        let source = self.source();
        let frame = self.octets_of_a_frame();
        assert_eq!(seen.len() % frame, 0);
        let number = |picture| source.chunks_exact(frame).position(|known| known == picture);
        seen.chunks_exact(frame).map(|picture| number(picture).expect("a picture of the sample")).collect()
    }
}

/// One whose pixels are kept, so that every picture can be told from every other.
pub fn distinct_sample(frames: u32) -> Sample {
    Sample {
        film: film(Layout::Raw, pictures(Kind::Standard420, (320, 240), frames)),
        pixel_format: "yuvj420p",
        size: (320, 240),
        keeps_its_pixels: true,
    }
}

/// With the properties of the films that are out there.
pub fn samples() -> [Sample; 8] {
    let coarse = (0..12).map(|number| coarse_picture(Kind::OwnHuffman, (1_920, 1_080), number)).collect();
    let soft = |kind, size, count| (0..count).map(|number| soft_picture(kind, size, number)).collect();
    [
        Sample {
            film: film(Layout::Records(5), soft(Kind::Classroom444, (384, 288), 60)),
            pixel_format: "yuvj444p",
            size: (384, 288),
            keeps_its_pixels: false,
        },
        Sample {
            film: film(Layout::Raw, pictures(Kind::Commented, (640, 360), 60)),
            pixel_format: "yuvj420p",
            size: (640, 360),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::SeveralARecord(3), coarse),
            pixel_format: "yuvj420p",
            size: (1_920, 1_080),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::Records(5), pictures(Kind::SeparateScans, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: true,
        },
        Sample {
            film: film(Layout::Records(5), soft(Kind::Progressive, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: false,
        },
        Sample {
            film: film(Layout::Raw, soft(Kind::Standard440, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: false,
        },
        Sample {
            film: film(Layout::Records(5), soft(Kind::Grey, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            keeps_its_pixels: false,
        },
        // RFC 2435 carries 2,040 pixels a side.
        Sample {
            film: film(Layout::Raw, soft(Kind::Standard420, (4_080, 96), 25)),
            pixel_format: "yuvj420p",
            size: (2_040, 48),
            keeps_its_pixels: false,
        },
    ]
}

/// All frames of a file or a stream, decoded by ffmpeg.
#[track_caller]
pub fn decoded(input: &[&str], pixel_format: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(input);
    command.args(["-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"]);
    run(&mut command)
}

#[track_caller]
pub fn decoded_file(path: &Path, pixel_format: &str) -> Vec<u8> {
    decoded(&["-f", "mjpeg", "-i", path.to_str().unwrap()], pixel_format)
}

/// Every frame is there, and shows what the source does.
#[track_caller]
pub fn assert_right(sample: &Sample, source: &[u8], seen: &[u8], peer: &str) {
    let frame = sample.octets_of_a_frame();
    let frames = sample.film.pictures.len();
    assert_eq!(source.len(), frames * frame, "ffmpeg does not see all of the source");
    assert_eq!(seen.len() as f64 / frame as f64, frames as f64, "{peer}: frames");
    if sample.keeps_its_pixels {
        assert!(source == seen, "{peer}: other pixels");
        return;
    }
    for (number, (source, seen)) in source.chunks_exact(frame).zip(seen.chunks_exact(frame)).enumerate() {
        let luma = sample.size.0 * sample.size.1;
        let chroma = (frame - luma) / 2;
        for (plane, range, least) in
            [("Y", 0..luma, 38.0), ("Cb", luma..luma + chroma, 32.0), ("Cr", luma + chroma..frame, 32.0)]
        {
            let psnr = psnr(&source[range.clone()], &seen[range]);
            assert!(psnr >= least, "{peer}: {plane} of frame {number} differs: {psnr:.1} dB");
        }
    }
}

/// Decibels between two planes.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / (squares as f64).max(1e-9)).log10()
}
