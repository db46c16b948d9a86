//! Large frames and a small kernel buffer. A separate test binary, so that no other test competes for the processor
//! with the thread that reads the socket.

mod common;

use std::env;
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, test_file};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    Frame, FrameSinks, Goal, Session, SessionCommand, SessionEvent, SessionOptions, TransportPreference,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_250_kb_survive_default_kernel_buffer_limit() {
    let jpegs: Vec<_> =
        (0..20).map(|number| test_jpeg(JpegKind::Standard420, (760, 560), number, 255)).collect();
    assert!(jpegs.iter().all(|jpeg| jpeg.len() > 250_000), "{}", jpegs[0].len());
    let file = test_file(FileLayout::Records(6), jpegs);
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let name = server.library().add(MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap());

    let (frame_sender, mut frames) = mpsc::channel(32);
    let (event_sender, mut events) = mpsc::channel(256);
    // The usual limit of the kernel (`net.core.rmem_max`), to which it reduces any larger size. The kernel also counts
    // its own overhead for each packet, so that one frame does not fit into the buffer.
    let options = SessionOptions { receive_buffer_size: 208 * 1024, ..SessionOptions::default() };
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let end = async { while events.recv().await.is_some_and(|event| event != SessionEvent::Ended) {} };
    timeout(Duration::from_secs(60), end).await.expect("the film does not end");

    assert_eq!(session.figures().borrow().snapshot.packets_lost, 0);
    for jpeg in &file.frames {
        assert!(frames.try_recv().unwrap().jpeg == jpeg[..]);
    }
}

/// Frames per second of the film in high definition.
const HD_FRAME_RATE: u32 = 25;

/// Seconds of the film that one PLAY sends.
const HD_FILM_SECONDS: u64 = 4;

/// Plays a 1080p film of 400 KB frames once, with the buffer that the usual limit of the kernel allows. If
/// `REELAY_HD_SECONDS` is set, plays it for this time with that of a socket whose size nobody has set, 208 KiB with the
/// overhead of the kernel, for which 104 KiB are to be requested: this needs a machine that is otherwise idle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "without optimization, the restart markers of frames of this size take longer than the frames last"]
async fn film_of_400_kb_frames_plays_complete_with_default_buffer() {
    let long_run = env::var("REELAY_HD_SECONDS").ok().map(|seconds| seconds.parse::<u64>().unwrap());
    let seconds = long_run.unwrap_or(HD_FILM_SECONDS);
    let receive_buffer_size = if long_run.is_some() { 104 * 1024 } else { 208 * 1024 };
    let jpeg = |number, noise| test_jpeg(JpegKind::Standard420, (1_920, 1_080), number, noise);
    let noise = (4..255).step_by(4).find(|noise| jpeg(0, *noise).len() >= 400_000).unwrap();
    let jpegs: Vec<_> = (0..4).map(|number| jpeg(number, noise)).collect();
    println!("noise {noise}, frames of {} bytes", jpegs[0].len());
    let frames = HD_FILM_SECONDS as usize * HD_FRAME_RATE as usize;
    let file =
        test_file(FileLayout::Records(6), (0..frames).map(|at| jpegs[at % jpegs.len()].clone()).collect());
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let rate = FrameRate::per_second(HD_FRAME_RATE);
    let name = server.library().add(MediaFile::open(file.path(), "film", rate).unwrap());

    let (frame_sender, mut received) = mpsc::channel::<Frame>(32);
    let (event_sender, mut events) = mpsc::channel(256);
    let mut options = SessionOptions { receive_buffer_size, ..SessionOptions::default() };
    options.stream.transport = TransportPreference::Udp;
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    for _ in 0..seconds.div_ceil(HD_FILM_SECONDS) {
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        let play = async {
            let (mut next, mut has_ended) = (0, false);
            while !has_ended || next < frames {
                tokio::select! {
                    event = events.recv() => has_ended |= event.is_none_or(|event| event == SessionEvent::Ended),
                    Some(frame) = received.recv() => {
                        assert!(frame.jpeg == file.frames[next][..], "frame {next} is lost or differs");
                        next += 1;
                    }
                }
            }
        };
        timeout(Duration::from_secs(60), play).await.expect("the film does not end");
    }
    let snapshot = session.figures().borrow().snapshot;
    let played = frames as u64 * seconds.div_ceil(HD_FILM_SECONDS);
    assert_eq!((snapshot.packets_lost, snapshot.frames_complete), (0, played));
}
