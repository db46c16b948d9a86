//! What a frame costs on its way, and how soon the first one is there.
#![allow(missing_docs)] // of the function that a macro makes

#[path = "../tests/common/jpegs.rs"]
#[allow(dead_code)]
mod jpegs;

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jpegs::{Kind, picture};
use reelay::media::payload::{Depacketizer, Form, packetize};
use reelay::media::{FrameRate, decode};
use reelay::media_file::Film;
use reelay::proto::rtp::Packet;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{Command, FrameOutlets, Goal, Session, SessionOptions};
use tokio::sync::mpsc;

/// Octets of the film of which the first frame is waited for.
const LARGE_FILM: u64 = 1 << 30;

fn hd() -> Vec<u8> {
    picture(Kind::Standard420, (1_280, 720), 7, 60)
}

fn both_forms() -> [(&'static str, Form); 2] {
    [("as RFC 2435", Form::Standard), ("with its header", Form::OriginalHeader)]
}

fn packetizing(criterion: &mut Criterion) {
    let jpeg = hd();
    let mut group = criterion.benchmark_group("packetise 720p");
    group.throughput(Throughput::Bytes(jpeg.len() as u64));
    for (name, form) in both_forms() {
        group.bench_function(name, |bencher| bencher.iter(|| packetize(black_box(&jpeg), form).unwrap()));
    }
}

fn depacketizing(criterion: &mut Criterion) {
    let jpeg = hd();
    let mut group = criterion.benchmark_group("depacketise 720p");
    group.throughput(Throughput::Bytes(jpeg.len() as u64));
    for (name, form) in both_forms() {
        let frame = packetize(&jpeg, form).unwrap();
        let packets: Vec<Bytes> = frame.packets().to_vec();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut depacketizer = Depacketizer::new(None);
                for octets in &packets {
                    depacketizer.push(&Packet::parse(octets.clone()).unwrap());
                }
                depacketizer.next_assembled().unwrap()
            });
        });
    }
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, size) in [("360p", (640, 360)), ("720p", (1_280, 720)), ("1080p", (1_920, 1_080))] {
        let jpeg = picture(Kind::Standard420, size, 7, 60);
        let mut pixels = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode::decode(black_box(&jpeg), &mut pixels).unwrap());
        });
    }
}

/// From opening a film of a gigabyte to its first frame, through the embedded server.
fn first_frame(criterion: &mut Criterion) {
    let film = large_film();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(ServerOptions::default(), Observer::none())).unwrap();
    let mut group = criterion.benchmark_group("first frame");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("of a film of 1 GiB", |bencher| {
        bencher.iter_custom(|times| {
            (0..times).map(|_| runtime.block_on(wait_for_first_frame(&server, film.path()))).sum()
        });
    });
}

async fn wait_for_first_frame(server: &Server, path: &std::path::Path) -> Duration {
    server.library().clear();
    let begin = Instant::now();
    let name = server.library().add(Film::open(path, "film", FrameRate::CLASSROOM).unwrap());
    let (frame_sender, mut frames) = mpsc::channel(4);
    let (event_sender, _events) = mpsc::channel(64);
    let options = SessionOptions::default();
    let session =
        Session::start(server.url_of(&name), options, FrameOutlets::tap(frame_sender), event_sender);
    session.command(Command::SetGoal(Goal::Playing));
    frames.recv().await.unwrap();
    let took = begin.elapsed();
    session.finish(Duration::from_secs(1)).await;
    took
}

fn large_film() -> tempfile::NamedTempFile {
    let jpeg = hd();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BufWriter::new(file.as_file_mut());
    let mut written = 0;
    while written < LARGE_FILM {
        write!(writer, "{:06}", jpeg.len()).unwrap();
        writer.write_all(&jpeg).unwrap();
        written += jpeg.len() as u64 + 6;
    }
    writer.flush().unwrap();
    drop(writer);
    file
}

criterion_group!(benches, packetizing, depacketizing, decoding, first_frame);
criterion_main!(benches);
