//! Large frames and a small kernel buffer. A separate test binary, so that no other test competes for the processor
//! with the thread that reads the socket.

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
