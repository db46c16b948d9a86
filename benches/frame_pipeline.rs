//! The time to packetize, depacketize and decode a frame, and the time from opening a file to its first frame.
#![allow(missing_docs)] // the function that `criterion_group!` generates

#[path = "../tests/common/jpegs.rs"]
#[allow(dead_code)]
mod jpegs;

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jpegs::{JpegKind, test_jpeg};
use reelay::media::payload::{Depacketizer, PayloadFormat, packetize};
use reelay::media::{FrameRate, decode};
use reelay::media_file::MediaFile;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{FrameSinks, Goal, Session, SessionCommand, SessionOptions};
use tokio::sync::mpsc;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Minimum size in bytes of the file in the benchmark of the first frame.
const LARGE_FILE_SIZE: u64 = 1 << 30;

fn hd_jpeg() -> Vec<u8> {
    test_jpeg(JpegKind::Standard420, (1_280, 720), 7, 60)
}

fn payload_formats() -> [(&'static str, PayloadFormat); 3] {
    [
        ("RFC 2435", PayloadFormat::Rfc2435),
        ("original header", PayloadFormat::OriginalHeader),
        ("original header with restart markers", PayloadFormat::OriginalWithRestarts),
    ]
}

/// Returns the first frame of the sample film.
fn sample_jpeg() -> Vec<u8> {
    let film = include_bytes!("../assets/sample.mjpeg");
    let position = |marker: [u8; 2]| film.windows(2).position(|pair| pair == marker).unwrap();
    film[position([0xFF, 0xD8])..position([0xFF, 0xD9]) + 2].to_vec()
}

fn bench_packetize(criterion: &mut Criterion) {
    for (film, jpeg) in [("720p", hd_jpeg()), ("sample film", sample_jpeg())] {
        let mut group = criterion.benchmark_group(format!("packetize {film}"));
        group.throughput(Throughput::Bytes(jpeg.len() as u64));
        for (name, format) in payload_formats() {
            group.bench_function(name, |bencher| {
                bencher.iter(|| packetize(black_box(&jpeg), format).unwrap())
            });
        }
    }
}

fn bench_depacketize(criterion: &mut Criterion) {
    let jpeg = hd_jpeg();
    let mut group = criterion.benchmark_group("depacketize 720p");
    group.throughput(Throughput::Bytes(jpeg.len() as u64));
    for (name, format) in payload_formats() {
        let frame = packetize(&jpeg, format).unwrap();
        let packets: Vec<Bytes> = frame.packets().to_vec();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut depacketizer = Depacketizer::new(None);
                for bytes in &packets {
                    depacketizer.push(&Packet::parse(bytes.clone()).unwrap());
                }
                depacketizer.poll_frame().unwrap()
            });
        });
    }
}

fn bench_decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, size) in [("360p", (640, 360)), ("720p", (1_280, 720)), ("1080p", (1_920, 1_080))] {
        let jpeg = test_jpeg(JpegKind::Standard420, size, 7, 60);
        let mut pixels = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode::decode(black_box(&jpeg), &mut pixels).unwrap());
        });
    }
}

/// Compares the decoder's conversion to RGBA with its YCbCr, and with the planes of 4:2:0 that a shader would convert.
fn bench_colour_spaces(criterion: &mut Criterion) {
    for (name, size) in [("1080p", (1_920, 1_080)), ("2160p", (3_840, 2_160))] {
        let mut group = criterion.benchmark_group(format!("colour space {name}"));
        let jpeg = test_jpeg(JpegKind::Standard420, size, 7, 60);
        let mut pixels = Vec::new();
        for (name, space) in [("RGBA", ColorSpace::RGBA), ("YCbCr", ColorSpace::YCbCr)] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| decode_as(black_box(&jpeg), space, &mut pixels))
            });
        }
        let mut planes = [const { Vec::new() }; 3];
        let (width, height) = (usize::from(size.0), usize::from(size.1));
        group.bench_function("YCbCr, divided into planes", |bencher| {
            bencher.iter(|| {
                decode_as(black_box(&jpeg), ColorSpace::YCbCr, &mut pixels);
                divide(&pixels, width, height, &mut planes);
            });
        });
    }
}

fn decode_as(jpeg: &[u8], space: ColorSpace, pixels: &mut Vec<u8>) {
    let options = DecoderOptions::new_fast().jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().unwrap();
    pixels.resize(decoder.output_buffer_size().unwrap(), 0);
    decoder.decode_into(pixels).unwrap();
}

/// Divides interleaved YCbCr into planes; of chroma, every second pixel of every second row is kept.
fn divide(pixels: &[u8], width: usize, height: usize, [luma, blue, red]: &mut [Vec<u8>; 3]) {
    for plane in [&mut *luma, &mut *blue, &mut *red] {
        plane.clear();
    }
    for (number, row) in pixels.chunks_exact(width * 3).take(height).enumerate() {
        let (row, _) = row.as_chunks::<3>();
        luma.extend(row.iter().map(|pixel| pixel[0]));
        if number % 2 == 0 {
            blue.extend(row.iter().step_by(2).map(|pixel| pixel[1]));
            red.extend(row.iter().step_by(2).map(|pixel| pixel[2]));
        }
    }
}

/// Measures the time from opening a file of 1 GiB to its first frame, through the embedded server.
fn bench_first_frame(criterion: &mut Criterion) {
    let film = large_file();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(ServerOptions::default(), Observer::none())).unwrap();
    let mut group = criterion.benchmark_group("first frame");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("file of 1 GiB", |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations).map(|_| runtime.block_on(time_to_first_frame(&server, film.path()))).sum()
        });
    });
}

async fn time_to_first_frame(server: &Server, path: &std::path::Path) -> Duration {
    server.library().clear();
    let start = Instant::now();
    let name = server.library().add(MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap());
    let (frame_sender, mut frames) = mpsc::channel(4);
    let (event_sender, _events) = mpsc::channel(64);
    let options = SessionOptions::default();
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    frames.recv().await.unwrap();
    let elapsed = start.elapsed();
    session.finish(Duration::from_secs(1)).await;
    elapsed
}

fn large_file() -> tempfile::NamedTempFile {
    let jpeg = hd_jpeg();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BufWriter::new(file.as_file_mut());
    let mut written = 0;
    while written < LARGE_FILE_SIZE {
        write!(writer, "{:06}", jpeg.len()).unwrap();
        writer.write_all(&jpeg).unwrap();
        written += jpeg.len() as u64 + 6;
    }
    writer.flush().unwrap();
    drop(writer);
    file
}

criterion_group!(
    benches,
    bench_packetize,
    bench_depacketize,
    bench_decode,
    bench_colour_spaces,
    bench_first_frame
);
criterion_main!(benches);
