//! Snapshots: one JPEG per request.

use reelay::impairment::Impairments;
use reelay::session::{Goal, RtspState};
use std::time::Duration;

use super::player::{MS, Player, START_S, jpeg};

fn snapshot(number: u8, headers: &str) -> Vec<u8> {
    let jpeg = jpeg(&[number; 30]);
    let head = format!(
        "HTTP/1.1 200 OK\r\n{headers}Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        jpeg.len()
    );
    [head.as_bytes(), &jpeg].concat()
}

fn asked() -> Player {
    let mut player = Player::new("http://camera/image.jpg", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player
}

#[test]
fn snapshots_are_polled_on_one_connection() {
    let mut player = asked();
    for number in 0..25 {
        assert_eq!(player.requests.len(), usize::from(number) + 1);
        player.run_for(20 * MS);
        player.receive(snapshot(number, ""));
        player.run_for(180 * MS);
    }
    player.run_for(50 * MS);
    assert_eq!((player.connects.len(), player.shown.len(), player.state()), (1, 25, RtspState::Playing));
    let first = player.messages().len();
    assert_eq!(first, 2, "further requests are not reported: {:?}", player.messages());
    assert_eq!(player.snapshot().frame_interval_mean_ms.map(f64::round), Some(200.0));
}

#[test]
fn connection_close_is_respected() {
    let mut player = asked();
    for number in 0..10 {
        player.receive(snapshot(number, "Connection: close\r\n"));
        assert!(!player.is_connected);
        player.run_for(200 * MS);
        player.accept();
    }
    assert_eq!((player.connects.len(), player.requests.len(), player.received), (11, 11, 10));
}

#[test]
fn server_may_close_an_idle_connection() {
    let mut player = asked();
    player.receive(snapshot(1, ""));
    player.lose(None);
    player.run_for(200 * MS);
    player.accept();
    player.receive(snapshot(2, ""));
    player.run_for(200 * MS);
    // The request crosses the end of the connection.
    player.lose(None);
    player.accept();
    player.receive(snapshot(3, ""));
    player.run_for(100 * MS);
    assert_eq!((player.shown.len(), player.errors().len(), player.reconnects().len()), (3, 0, 0));
}

#[test]
fn slow_camera_is_asked_again_as_soon_as_it_has_responded() {
    let mut player = asked();
    for number in 0..5 {
        player.run_for(700 * MS);
        player.receive(snapshot(number, ""));
        assert_eq!(player.requests.len(), usize::from(number) + 2);
    }
    assert_eq!(player.errors(), [""; 0]);
}

/// A film that a web server sends as a file would be requested again and again, to show its first frame.
#[test]
fn file_of_several_frames_is_no_camera() {
    let film: Vec<u8> = (0..5).flat_map(|number| jpeg(&[number; 40])).collect();
    for goal in [Goal::Ready, Goal::Playing] {
        for content_type in ["application/octet-stream", "video/x-motion-jpeg"] {
            let mut player = Player::new("http://server/film.mjpeg", true);
            player.set_goal(goal);
            player.accept();
            let length = film.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
            );
            player.receive([head.as_bytes(), &film].concat());
            player.run_for(Duration::from_secs(10));
            let sentence =
                "This URL is a film of several frames and not a stream; download it and open the file.";
            assert_eq!((player.errors(), player.requests.len()), (vec![sentence.to_owned()], 1));
        }
    }
}

/// Cameras state some large length for a stream without an end, or forbid that it is stored.
#[test]
fn endless_stream_with_a_length_is_played() {
    for headers in ["Content-Length: 99999999999\r\n", "Content-Length: 99999\r\nCache-Control: no-cache\r\n"]
    {
        let mut player = Player::new("http://camera/video", true);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(format!("HTTP/1.1 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n{headers}\r\n"));
        for number in 0..10 {
            player.receive(jpeg(&[number; 30]));
            player.run_for(50 * MS);
        }
        assert_eq!((player.errors(), player.received), (Vec::new(), 10), "{headers}");
    }
}

/// Two snapshots may leave the emulated network between two responses.
#[test]
fn delayed_snapshots_without_a_type_are_no_film() {
    let impairments = Impairments { delay: 500 * MS, ..Impairments::default() };
    let mut player = Player::with_network("http://camera/image", true, impairments);
    player.set_goal(Goal::Playing);
    player.accept();
    for number in 0..20 {
        let jpeg = jpeg(&[number; 30]);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        player.receive([head.as_bytes(), &jpeg].concat());
        player.run_for(200 * MS);
    }
    player.run_for(Duration::from_secs(1));
    assert_eq!((player.errors(), player.received), (Vec::new(), 20));
}

/// The type says nothing, so the end of the body shows that there is one frame.
#[test]
fn snapshot_without_a_type_is_set_up_and_polled() {
    let response = |number: u8| {
        let jpeg = jpeg(&[number; 30]);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        [head.as_bytes(), &jpeg].concat()
    };
    let mut player = Player::new("http://camera/image", true);
    player.set_goal(Goal::Ready);
    player.accept();
    player.receive(response(1));
    assert_eq!((player.state(), player.is_connected, player.shown.len()), (RtspState::Ready, false, 1));
    player.set_goal(Goal::Playing);
    player.accept();
    for number in 2..5 {
        player.receive(response(number));
        player.run_for(200 * MS);
    }
    assert_eq!((player.errors(), player.shown.len()), (Vec::new(), 4));
}

#[test]
fn setup_asks_for_one_snapshot() {
    let mut player = Player::new("http://camera/image.jpg", true);
    player.set_goal(Goal::Ready);
    player.accept();
    player.receive(snapshot(1, ""));
    assert_eq!((player.state(), player.shown.len(), player.is_connected), (RtspState::Ready, 1, false));
    player.run_for(Duration::from_secs(5));
    assert_eq!(player.requests.len(), 1);
}

#[test]
fn x_timestamp_of_the_response_gives_the_delay() {
    let mut player = asked();
    for number in 0..5 {
        player.run_for(30 * MS);
        let micros = u128::from(START_S) * 1_000_000 + player.elapsed().as_micros() - 20_000;
        let time = format!("X-Timestamp: {}.{:06}\r\n", micros / 1_000_000, micros % 1_000_000);
        player.receive(snapshot(number, &time));
        player.run_for(170 * MS);
    }
    let delay = player.snapshot().network_delay_mean_ms.unwrap();
    assert!((delay - 20.0).abs() < 0.5, "{delay}");
}

#[test]
fn pause_stops_polling() {
    let mut player = asked();
    player.receive(snapshot(1, ""));
    player.set_goal(Goal::Ready);
    player.run_for(Duration::from_secs(5));
    assert_eq!((player.requests.len(), player.is_connected, player.state()), (1, false, RtspState::Ready));
}

#[test]
fn error_while_polling_is_reported_as_a_message_and_tried_again() {
    let mut player = asked();
    player.receive(snapshot(1, ""));
    player.run_for(200 * MS);
    player.receive("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(player.reconnects().len(), 1);
    assert!(player.messages().iter().any(|message| message.start_line == "HTTP/1.1 500 Oops"));
}

#[test]
fn response_without_a_frame_is_an_error() {
    let mut player = asked();
    player.set_goal(Goal::Ready);
    player.receive("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n");
    assert!(player.errors()[0].starts_with("The response contains no frame"), "{:?}", player.errors());
}
