//! Large pictures and a small kernel buffer. In a binary of its own, so that no other test takes the processors away
//! from the thread that empties the socket.

mod common;

use std::time::Duration;

use common::films::{Layout, film};
use common::jpegs::{Kind, picture};
use reelay::media::FrameRate;
use reelay::media_file::Film;
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{Command, Event, FrameOutlets, Goal, Session, SessionOptions};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_250_kb_survive_the_usual_cap_of_the_kernels_buffer() {
    let pictures: Vec<_> =
        (0..20).map(|number| picture(Kind::Standard420, (760, 560), number, 255)).collect();
    assert!(pictures.iter().all(|jpeg| jpeg.len() > 250_000), "{}", pictures[0].len());
    let test = film(Layout::Records(6), pictures);
    let server = Server::start(ServerOptions::default(), Observer::none()).await.unwrap();
    let name = server.library().add(Film::open(test.path(), "film", FrameRate::CLASSROOM).unwrap());

    let (frame_sender, mut frames) = mpsc::channel(32);
    let (event_sender, mut events) = mpsc::channel(256);
    // What is left of any greater wish where the kernel's cap (`net.core.rmem_max`) is the usual one. It counts what it
    // keeps with each packet as well, so that one picture is more than it holds.
    let options = SessionOptions { receive_buffer: 208 * 1024, ..SessionOptions::default() };
    let session =
        Session::start(server.url_of(&name), options, FrameOutlets::tap(frame_sender), event_sender);
    session.command(Command::SetGoal(Goal::Playing));
    let end = async { while events.recv().await.is_some_and(|event| event != Event::Ended) {} };
    timeout(Duration::from_secs(60), end).await.expect("the end of the film");

    assert_eq!(session.figures().borrow().snapshot.packets_lost, 0);
    for jpeg in &test.pictures {
        assert!(frames.try_recv().unwrap().jpeg == jpeg[..]);
    }
}
