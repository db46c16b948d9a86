//! Responses with the peculiarities of cameras. Those of the parts are tested beside the multipart reader.

use reelay::session::{Goal, RtspState};
use std::time::Duration;

use super::player::{MS, MULTIPART, Player, jpeg, part};

/// Plays a response that arrives in pieces of `size` bytes, and returns the player.
fn play(response: &[u8], size: usize) -> Player {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    player.accept();
    for piece in response.chunks(size) {
        if player.is_connected {
            player.receive(piece);
        }
    }
    player.run_for(100 * MS);
    player
}

fn parts() -> Vec<u8> {
    (0..5u8).flat_map(|number| part(&jpeg(&[number; 40]))).collect()
}

#[test]
fn head_and_frames_may_arrive_in_pieces_of_any_size() {
    let response = [MULTIPART.as_bytes(), &parts()].concat();
    for size in [1, 2, 3, 7, 50, 1_000] {
        assert_eq!(play(&response, size).received, 5, "{size}");
    }
}

#[test]
fn chunk_borders_may_be_anywhere() {
    let body = parts();
    for chunk in [1, 3, 10, 64, 1_000] {
        let head = MULTIPART.replace("1.0 200 OK\r\n", "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
        let mut response = head.into_bytes();
        for data in body.chunks(chunk) {
            response.extend_from_slice(format!("{:X}\r\n", data.len()).as_bytes());
            response.extend_from_slice(data);
            response.extend_from_slice(b"\r\n");
        }
        for size in [1, 5, 333] {
            assert_eq!(play(&response, size).received, 5, "chunks of {chunk}, pieces of {size}");
        }
    }
}

#[test]
fn compressed_stream_is_refused() {
    let head = MULTIPART.replace("Server: cam", "Content-Encoding: gzip");
    let player = play(head.as_bytes(), 1_000);
    assert!(
        player.errors()[0]
            .starts_with("The server compresses the stream (gzip), which Reelay does not read;")
    );
    assert_eq!((player.state(), player.is_connected), (RtspState::Init, false));
    let identity = MULTIPART.replace("Server: cam", "Content-Encoding: identity");
    assert_eq!(play(&[identity.as_bytes(), &parts()].concat(), 100).received, 5);
}

#[test]
fn other_media_types_are_named() {
    for (content_type, beginning) in [
        ("text/html; charset=utf-8", "This URL is text/html, not Motion JPEG; it is a web page"),
        ("video/mp4", "This URL is video/mp4, not a stream of Motion JPEG; if it is a film, download it"),
        ("video/mpeg", "This URL is video/mpeg, not Motion JPEG; switch the camera to Motion JPEG"),
        ("image/png", "This URL is image/png, not Motion JPEG"),
    ] {
        let player =
            play(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n<html>").as_bytes(), 1_000);
        assert!(player.errors()[0].starts_with(beginning), "{:?}", player.errors());
    }
}

#[test]
fn stream_without_a_content_type_is_played() {
    for content_type in
        ["", "Content-Type: application/octet-stream\r\n", "Content-Type: multipart/x-mixed-replace\r\n"]
    {
        let head = format!("HTTP/1.1 200 OK\r\n{content_type}\r\n");
        assert_eq!(play(&[head.as_bytes(), &parts()].concat(), 11).received, 5, "{content_type}");
    }
}

#[test]
fn provisional_responses_are_passed_over() {
    let response = [b"HTTP/1.1 102 Processing\r\n\r\n", MULTIPART.as_bytes(), &parts()].concat();
    assert_eq!(play(&response, 13).received, 5);
}

#[test]
fn other_protocols_and_broken_bodies_are_named() {
    for (response, beginning) in [
        (
            "RTSP/1.0 400 Bad Request\r\n\r\n",
            "camera:80 does not speak HTTP as expected (the response begins with \"RTSP/1.0",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
            "The response of camera:80 cannot be read (a chunk",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: x\r\n\r\n",
            "The response of camera:80 cannot be read (its Content-Length",
        ),
        (
            "HTTP/1.1 404 Not Found.\r\n\r\n",
            "The server refused GET: 404 Not Found; check the path in the URL.",
        ),
    ] {
        let player = play(response.as_bytes(), 10);
        assert!(player.errors()[0].starts_with(beginning), "{:?}", player.errors());
        assert!(!player.is_connected);
    }
}

#[test]
fn parts_that_are_no_frames_are_reported_once() {
    let broken: Vec<u8> = (0..30).flat_map(|_| part(b"no JPEG")).collect();
    let mut player = play(&[MULTIPART.as_bytes(), &broken].concat(), 100);
    assert_eq!((player.errors().len(), player.snapshot().frames_unusable), (1, 30));
    assert!(
        player.errors()[0].starts_with("Frames arrive but cannot be shown (they are damaged or no JPEG)")
    );
    assert!(player.is_connected, "a frame may follow");
}

#[test]
fn newest_frame_of_a_backlog_is_shown_and_the_others_are_counted() {
    let mut player = Player::playing();
    player.receive(part(&jpeg(b"first")));
    player.run_for(Duration::from_secs(8));
    let backlog: Vec<u8> = (0..100u8).flat_map(|number| part(&jpeg(&[number]))).collect();
    player.receive(backlog);
    player.run_for(100 * MS);
    assert_eq!((player.received, player.shown.len()), (101, 2));
    assert_eq!(player.shown[1].1.jpeg, jpeg(&[99]));
    assert_eq!(player.snapshot().frames_dropped_late, 99);
}
