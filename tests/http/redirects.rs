//! Redirects, and busy servers.

use reelay::session::Goal;
use std::time::Duration;

use super::player::{MS, MULTIPART, Player, jpeg, part};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let mut player = Player::new("http://camera/video", false);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(redirect(status, "http://other:81/stream?x=1"));
        player.accept();
        assert_eq!(player.connects[1], ("other".to_owned(), 81, false), "{status}");
        assert!(player.requests[1].starts_with("GET /stream?x=1 HTTP/1.1\r\nHost: other:81\r\n"), "{status}");
        player.receive(MULTIPART);
        player.receive(part(&jpeg(b"a")));
        player.run_for(100 * MS);
        assert_eq!(player.shown.len(), 1, "{status}");
    }
}

#[test]
fn number_of_redirects_is_limited() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    for _ in 0..6 {
        player.accept();
        player.receive(redirect(302, "/video"));
    }
    assert_eq!(player.errors(), ["The server redirected more than 5 times; check the URL."]);
    assert!(!player.is_connecting());
}

#[test]
fn password_follows_a_redirect_only_to_the_same_origin() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    for (location, is_sent) in [
        ("/other", true),
        ("http://camera/other", true),
        ("http://camera:81/", false),
        ("https://camera/", false),
        ("http://elsewhere/", false),
    ] {
        let mut player = Player::new("http://ann:secret@camera/video", false);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(redirect(302, location));
        player.accept();
        player.receive(challenge);
        assert_eq!(player.is_connecting() || player.is_connected, is_sent, "{location}");
        if player.is_connecting() {
            player.accept();
        }
        let sent = player.requests.iter().any(|request| request.contains("Authorization: Basic"));
        assert_eq!(sent, is_sent, "{location}");
    }
}

#[test]
fn password_is_not_taken_from_https_to_http() {
    let mut player = Player::new("https://ann:secret@camera/video", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(redirect(302, "http://camera/video"));
    assert!(player.errors()[0].contains("from https to http, where the password would be readable"));
    assert!(!player.is_connecting());
}

#[test]
fn unusable_redirects_are_named() {
    for (response, part) in [
        (redirect(302, "rtsp://camera/live"), "its Location header cannot be used"),
        ("HTTP/1.1 302 Found\r\n\r\n".to_owned(), "without saying where to"),
    ] {
        let mut player = Player::new("http://camera/video", true);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(response);
        assert!(player.errors()[0].contains(part), "{:?}", player.errors());
    }
}

#[test]
fn busy_camera_is_asked_again_when_it_says() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(
        player.reconnects()[0].to_string(),
        "camera:80 is busy; trying again in 7 seconds (attempt 1)…"
    );
    player.run_for(Duration::from_millis(6_999));
    assert!(!player.is_connecting());
    player.run_for(2 * MS);
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    assert_eq!((player.shown.len(), player.errors().len()), (1, 0));
}

#[test]
fn busy_camera_is_an_error_if_it_does_not_say_when() {
    for (reconnects, headers, sentence) in [
        (true, "", "The server is busy (503); close other players, or try again later."),
        (false, "Retry-After: 7\r\n", "The server is busy (503); try again in 7 seconds."),
        (
            false,
            "Date: Fri, 31 Dec 1999 23:59:50 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
            "The server is busy (503); try again in 9 seconds.",
        ),
        (
            true,
            "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
            "The server is busy (503); close other players, or try again later.",
        ),
    ] {
        let mut player = Player::new("http://camera/video", reconnects);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(format!("HTTP/1.1 503 Busy\r\n{headers}\r\n"));
        assert_eq!(player.errors(), [sentence]);
    }
}

#[test]
fn wait_of_a_busy_camera_is_limited() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive("HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\n\r\n");
    player.run_for(Duration::from_secs(61));
    assert!(player.is_connecting());
}
