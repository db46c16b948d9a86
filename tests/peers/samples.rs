//! Films to be played, and what is to be seen of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::jpegs::{JpegKind, coarse_jpeg, soft_jpeg};
use crate::common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use crate::programs::run;

/// A film, and what is to be expected of it.
pub struct Sample {
    pub file: TestFile,
    /// In which ffmpeg decodes the source, so that nothing is lost.
    pub pixel_format: &'static str,
    /// In which players see it.
    pub size: (usize, usize),
    /// RFC 2435 carries the very coefficients, so that every pixel is the same.
    pub is_lossless: bool,
}

impl Sample {
    pub fn frame_size(&self) -> usize {
        let (width, height) = self.size;
        if self.pixel_format == "yuvj444p" { width * height * 3 } else { width * height * 3 / 2 }
    }

    /// The pictures one behind the other, as ffmpeg's own reader likes them.
    pub fn raw_file(&self) -> PathBuf {
        let path = self.file.folder().join("raw.jpegs");
        fs::write(&path, self.file.frames.concat()).unwrap();
        path
    }

    /// All its frames, decoded by ffmpeg's own reader.
    #[track_caller]
    pub fn decode_source(&self) -> Vec<u8> {
        let (path, (width, height)) = (self.raw_file(), self.size);
        let scale = format!("scale={width}:{height}:flags=area");
        decode(&["-f", "mjpeg", "-i", path.to_str().unwrap(), "-vf", &scale], self.pixel_format)
    }

    /// Which of its pictures these are, by their pixels.
    #[track_caller]
    pub fn frame_numbers(&self, pixels: &[u8]) -> Vec<usize> {
        let source = self.decode_source();
        let frame = self.frame_size();
        assert_eq!(pixels.len() % frame, 0);
        let number = |picture| source.chunks_exact(frame).position(|known| known == picture);
        pixels.chunks_exact(frame).map(|picture| number(picture).expect("a picture of the sample")).collect()
    }
}

/// One whose pixels are kept, so that every picture can be told from every other.
pub fn distinct_sample(frames: u32) -> Sample {
    Sample {
        file: test_file(FileLayout::Raw, test_jpegs(JpegKind::Standard420, (320, 240), frames)),
        pixel_format: "yuvj420p",
        size: (320, 240),
        is_lossless: true,
    }
}

/// With the properties of the films that are out there.
pub fn samples() -> [Sample; 8] {
    let coarse = (0..12).map(|number| coarse_jpeg(JpegKind::CustomHuffman, (1_920, 1_080), number)).collect();
    let soft = |kind, size, count| (0..count).map(|number| soft_jpeg(kind, size, number)).collect();
    [
        Sample {
            file: test_file(FileLayout::Records(5), soft(JpegKind::Classroom444, (384, 288), 60)),
            pixel_format: "yuvj444p",
            size: (384, 288),
            is_lossless: false,
        },
        Sample {
            file: test_file(FileLayout::Raw, test_jpegs(JpegKind::WithComment, (640, 360), 60)),
            pixel_format: "yuvj420p",
            size: (640, 360),
            is_lossless: true,
        },
        Sample {
            file: test_file(FileLayout::MultiFrameRecords(3), coarse),
            pixel_format: "yuvj420p",
            size: (1_920, 1_080),
            is_lossless: true,
        },
        Sample {
            file: test_file(FileLayout::Records(5), test_jpegs(JpegKind::SeparateScans, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            is_lossless: true,
        },
        Sample {
            file: test_file(FileLayout::Records(5), soft(JpegKind::Progressive, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            is_lossless: false,
        },
        Sample {
            file: test_file(FileLayout::Raw, soft(JpegKind::Standard440, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            is_lossless: false,
        },
        Sample {
            file: test_file(FileLayout::Records(5), soft(JpegKind::Grey, (320, 240), 30)),
            pixel_format: "yuvj420p",
            size: (320, 240),
            is_lossless: false,
        },
        // RFC 2435 carries 2,040 pixels a side.
        Sample {
            file: test_file(FileLayout::Raw, soft(JpegKind::Standard420, (4_080, 96), 25)),
            pixel_format: "yuvj420p",
            size: (2_040, 48),
            is_lossless: false,
        },
    ]
}

/// All frames of a file or a stream, decoded by ffmpeg.
#[track_caller]
pub fn decode(input: &[&str], pixel_format: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(input);
    command.args(["-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"]);
    run(&mut command)
}

#[track_caller]
pub fn decode_file(path: &Path, pixel_format: &str) -> Vec<u8> {
    decode(&["-f", "mjpeg", "-i", path.to_str().unwrap()], pixel_format)
}

/// Every frame is there, and shows what the source does.
#[track_caller]
pub fn assert_same_frames(sample: &Sample, source: &[u8], seen: &[u8], peer: &str) {
    let frame = sample.frame_size();
    let frames = sample.file.frames.len();
    assert_eq!(source.len(), frames * frame, "ffmpeg does not see all of the source");
    assert_eq!(seen.len() as f64 / frame as f64, frames as f64, "{peer}: frames");
    if sample.is_lossless {
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
