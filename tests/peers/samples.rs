//! Sample films and the comparison of decoded frames.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::jpegs::{JpegKind, coarse_jpeg, soft_jpeg};
use crate::common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use crate::programs::run;

/// A film and the format of its decoded frames.
pub struct Sample {
    pub file: TestFile,
    /// Pixel format in which ffmpeg decodes the source without loss.
    pub pixel_format: &'static str,
    /// Width and height of the frames that players receive.
    pub size: (usize, usize),
    /// RFC 2435 carries the coefficients unchanged, so that every pixel is the same.
    pub is_lossless: bool,
}

impl Sample {
    pub fn frame_size(&self) -> usize {
        let (width, height) = self.size;
        if self.pixel_format == "yuvj444p" { width * height * 3 } else { width * height * 3 / 2 }
    }

    /// Writes the concatenated frames, the format of ffmpeg's `mjpeg` demuxer.
    pub fn raw_file(&self) -> PathBuf {
        let path = self.file.folder().join("raw.jpegs");
        fs::write(&path, self.file.frames.concat()).unwrap();
        path
    }

    /// Decodes all frames with ffmpeg, at the size that players receive.
    #[track_caller]
    pub fn decode_source(&self) -> Vec<u8> {
        let (path, (width, height)) = (self.raw_file(), self.size);
        let scale = format!("scale={width}:{height}:flags=area");
        decode(&["-f", "mjpeg", "-i", path.to_str().unwrap(), "-vf", &scale], self.pixel_format)
    }

    /// Returns the numbers of these decoded frames, found by their pixels.
    #[track_caller]
    pub fn frame_numbers(&self, pixels: &[u8]) -> Vec<usize> {
        let source = self.decode_source();
        let size = self.frame_size();
        assert_eq!(pixels.len() % size, 0);
        let number = |picture| source.chunks_exact(size).position(|known| known == picture);
        pixels.chunks_exact(size).map(|picture| number(picture).expect("not a frame of the sample")).collect()
    }
}

/// Returns a lossless sample, whose frames can be identified by their pixels.
pub fn distinct_sample(frames: u32) -> Sample {
    Sample {
        file: test_file(FileLayout::Raw, test_jpegs(JpegKind::Standard420, (320, 240), frames)),
        pixel_format: "yuvj420p",
        size: (320, 240),
        is_lossless: true,
    }
}

/// Returns samples with the properties of real films.
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
        // Wider than the 2,040 pixels that RFC 2435 can carry.
        Sample {
            file: test_file(FileLayout::Raw, soft(JpegKind::Standard420, (4_080, 96), 25)),
            pixel_format: "yuvj420p",
            size: (2_040, 48),
            is_lossless: false,
        },
    ]
}

/// Decodes all frames of a file or a stream with ffmpeg.
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

/// Asserts that all frames are present and that their pixels equal those of the source, or are similar if not lossless.
#[track_caller]
pub fn assert_same_frames(sample: &Sample, source: &[u8], actual: &[u8], peer: &str) {
    let size = sample.frame_size();
    let frames = sample.file.frames.len();
    assert_eq!(source.len(), frames * size, "ffmpeg does not decode all frames of the source");
    assert_eq!(actual.len() as f64 / size as f64, frames as f64, "{peer}: frames");
    if sample.is_lossless {
        assert!(source == actual, "{peer}: the pixels differ");
        return;
    }
    for (number, (source, actual)) in source.chunks_exact(size).zip(actual.chunks_exact(size)).enumerate() {
        let luma = sample.size.0 * sample.size.1;
        let chroma = (size - luma) / 2;
        for (plane, range, min_psnr) in
            [("Y", 0..luma, 38.0), ("Cb", luma..luma + chroma, 32.0), ("Cr", luma + chroma..size, 32.0)]
        {
            let psnr = psnr(&source[range.clone()], &actual[range]);
            assert!(psnr >= min_psnr, "{peer}: {plane} of frame {number} differs: {psnr:.1} dB");
        }
    }
}

/// Returns the PSNR between two planes in dB.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / (squares as f64).max(1e-9)).log10()
}
