//! Large pictures and a small kernel buffer. In a binary of its own, so that no other test takes the processors away
//! from the thread that empties the socket.

mod common;

use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, test_file};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{FrameSinks, Goal, Session, SessionCommand, SessionEvent, SessionOptions};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_250_kb_survive_default_kernel_buffer_limit() {
    let pictures: Vec<_> =
        (0..20).map(|number| test_jpeg(JpegKind::Standard420, (760, 560), number, 255)).collect();
    assert!(pictures.iter().all(|jpeg| jpeg.len() > 250_000), "{}", pictures[0].len());
    let test = test_file(FileLayout::Records(6), pictures);
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let name = server.library().add(MediaFile::open(test.path(), "film", FrameRate::CLASSROOM).unwrap());

    let (frame_sender, mut frames) = mpsc::channel(32);
    let (event_sender, mut events) = mpsc::channel(256);
    // What is left of any greater wish where the kernel's cap (`net.core.rmem_max`) is the usual one. It counts what it
    // keeps with each packet as well, so that one picture is more than it holds.
    let options = SessionOptions { receive_buffer_size: 208 * 1024, ..SessionOptions::default() };
    let session =
        Session::start(server.url_of(&name), options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let end = async { while events.recv().await.is_some_and(|event| event != SessionEvent::Ended) {} };
    timeout(Duration::from_secs(60), end).await.expect("the end of the film");

    assert_eq!(session.figures().borrow().snapshot.packets_lost, 0);
    for jpeg in &test.frames {
        assert!(frames.try_recv().unwrap().jpeg == jpeg[..]);
    }
}
