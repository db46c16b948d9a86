//! Goals, states and connections.

use reelay::net::clock_check::ClockJump;
use reelay::proto::rtcp::{Epoch, NtpTime};
use reelay::session::{CertificateProblem, Fingerprint, TlsProblem, UntrustedCertificate};
use reelay::session::{ClientInput, Goal, RtspState, SessionEvent};
use std::time::Duration;

use super::player::{MS, MULTIPART, Player, jpeg, part};

#[test]
fn play_sends_one_request_and_shows_frames() {
    let mut player = Player::new("http://ann:secret@camera:8080/video?fps=5", false);
    player.set_goal(Goal::Playing);
    assert_eq!(player.connects, [("camera".to_owned(), 8_080, false)]);
    player.accept();
    assert_eq!(player.requests.len(), 1);
    let request = &player.requests[0];
    assert!(request.starts_with("GET /video?fps=5 HTTP/1.1\r\nHost: camera:8080\r\n"), "{request}");
    assert!(
        request.contains("\r\nAccept-Encoding: identity\r\n") && request.ends_with("\r\n\r\n"),
        "{request}"
    );
    assert!(!request.contains("Authorization"), "no password before the server asks for it: {request}");
    assert_eq!(player.state(), RtspState::Init);
    player.receive(MULTIPART);
    assert_eq!(player.state(), RtspState::Playing);
    for number in 0..20 {
        player.receive(part(&jpeg(&[number])));
        player.run_for(50 * MS);
    }
    player.run_for(50 * MS);
    assert_eq!((player.received, player.shown.len()), (20, 20));
    assert_eq!(player.errors(), [""; 0]);
    let snapshot = player.snapshot();
    assert_eq!((snapshot.frames_complete, snapshot.frames_dropped_late), (20, 0));
    assert!(snapshot.lacks_packets && snapshot.wire_octets > snapshot.payload_octets);
    assert_eq!(snapshot.frame_interval_mean_ms, Some(50.0));
    assert_eq!(player.requests.len(), 1);
}

/// Input that has arrived while the process was stopped is read first.
#[test]
fn stopped_process_does_not_end_an_attempt_to_connect_or_a_request() {
    for is_accepted in [false, true] {
        let mut player = Player::new("http://camera/video", false);
        player.set_goal(Goal::Playing);
        if is_accepted {
            player.accept();
        }
        player.now += Duration::from_secs(3_600);
        player.input(ClientInput::Resumed);
        player.run_for(900 * MS);
        assert_eq!(player.errors(), [""; 0]);
        player.run_for(200 * MS);
        assert_eq!(player.errors().len(), 1);
    }
}

#[test]
fn setup_checks_the_response_shows_the_first_frame_and_closes() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Ready);
    player.accept();
    player.receive(MULTIPART);
    assert_eq!((player.state(), player.is_connected), (RtspState::Init, true));
    assert!(player.client.status().is_busy);
    let first = jpeg(b"first");
    player.receive(part(&first));
    assert_eq!((player.state(), player.goal(), player.is_connected), (RtspState::Ready, Goal::Ready, false));
    assert_eq!(player.shown.len(), 1);
    assert_eq!(player.shown[0].1.jpeg, first);
    player.run_for(Duration::from_secs(60));
    assert!(
        !player.is_connecting() && player.events.iter().all(|event| *event != SessionEvent::Waiting(true))
    );
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"second")));
    player.run_for(100 * MS);
    assert_eq!((player.state(), player.shown.len(), player.requests.len()), (RtspState::Playing, 2, 2));
    assert_eq!(player.snapshot().first_frame_ms, Some(0.0), "it counts from the second request");
}

#[test]
fn pause_closes_the_connection_and_play_continues_at_the_present() {
    let mut player = Player::playing();
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    // This frame still waits to be shown.
    player.receive(part(&jpeg(b"b")));
    player.set_goal(Goal::Ready);
    assert_eq!((player.state(), player.is_connected), (RtspState::Ready, false));
    player.run_for(Duration::from_secs(30));
    assert_eq!(player.shown.len(), 1);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    let last = jpeg(b"c");
    player.receive(part(&last));
    player.run_for(100 * MS);
    assert_eq!(player.shown.len(), 2, "the frame from before the pause is not shown");
    assert_eq!(player.shown[1].1.jpeg, last);
    assert!((player.snapshot().playing_s - 0.2).abs() < 0.01, "{}", player.snapshot().playing_s);
}

#[test]
fn last_goal_counts_while_the_response_is_awaited() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player.set_goal(Goal::Ready);
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    assert_eq!((player.state(), player.is_connected), (RtspState::Ready, false));
    player.set_goal(Goal::Playing);
    player.set_goal(Goal::Ready);
    assert!(!player.is_connecting(), "the attempt is given up");
    player.set_goal(Goal::Stopped);
    assert_eq!((player.state(), player.count(&SessionEvent::Closed)), (RtspState::Init, 1));
}

#[test]
fn stop_closes_in_every_state() {
    for steps in 0..4 {
        let mut player = Player::new("http://camera/video", true);
        player.set_goal(Goal::Playing);
        if steps > 0 {
            player.accept();
        }
        if steps > 1 {
            player.receive(MULTIPART);
        }
        if steps > 2 {
            player.receive(part(&jpeg(b"a")));
        }
        player.set_goal(Goal::Stopped);
        assert!(!player.is_connected && !player.is_connecting(), "{steps}");
        assert_eq!((player.state(), player.count(&SessionEvent::Closed)), (RtspState::Init, 1), "{steps}");
        assert_eq!(player.client.poll_timeout(), None, "{steps}");
        player.set_goal(Goal::Stopped);
        assert_eq!(player.count(&SessionEvent::Closed), 1, "{steps}");
    }
}

#[test]
fn silent_server_is_reported() {
    let mut player = Player::new("http://camera/video", true);
    player.set_goal(Goal::Playing);
    player.run_for(Duration::from_secs(6));
    assert!(
        player.errors()[0].starts_with("camera:80 cannot be reached (no response)"),
        "{:?}",
        player.errors()
    );
    player.set_goal(Goal::Playing);
    player.accept();
    player.run_for(Duration::from_secs(6));
    assert!(
        player.errors()[1].starts_with("camera:80 did not respond to GET in time"),
        "{:?}",
        player.errors()
    );
    player.set_goal(Goal::Ready);
    player.accept();
    player.receive(MULTIPART);
    player.run_for(Duration::from_secs(11));
    assert!(player.errors()[2].starts_with("The response contains no frame"), "{:?}", player.errors());
    assert!(!player.is_connected);
}

#[test]
fn untrusted_certificate_is_a_sentence_of_its_own() {
    let certificate = UntrustedCertificate {
        address: "camera:443".to_owned(),
        problem: CertificateProblem::Expired,
        fingerprint: Fingerprint::of(b"certificate"),
        is_changed: false,
        details: None,
    };
    let mut player = Player::new("https://camera/video", true);
    player.set_goal(Goal::Playing);
    assert_eq!(player.connects, [("camera".to_owned(), 443, true)]);
    player.input(ClientInput::TlsFailed(TlsProblem::Untrusted(Box::new(certificate))));
    assert!(player.errors()[0].starts_with("camera:443 cannot be trusted: its certificate has expired;"));
}

#[test]
fn end_of_the_body_is_the_end_of_the_stream() {
    let length = part(&jpeg(b"a")).len();
    for (headers, tail, closes) in [
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{length:x}\r\n"), false),
        (format!("Content-Length: {length}\r\n"), String::new(), false),
        (String::new(), String::new(), true),
    ] {
        let mut player = Player::new("http://camera/video", false);
        player.set_goal(Goal::Playing);
        player.accept();
        player.receive(format!(
            "HTTP/1.1 200 OK\r\n{headers}Content-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
        ));
        player.receive([tail.as_bytes(), &part(&jpeg(b"a"))].concat());
        if !tail.is_empty() {
            player.receive("\r\n0\r\n\r\n");
        }
        if closes {
            player.lose(None);
        }
        assert!(!player.is_connected && !player.is_connecting(), "{headers}");
        player.run_for(Duration::from_secs(1));
        assert_eq!((player.shown.len(), player.count(&SessionEvent::Ended)), (1, 1), "{headers}");
        assert_eq!((player.state(), player.goal()), (RtspState::Ready, Goal::Ready), "{headers}");
        assert_eq!((player.errors(), player.connects.len()), (vec![], 1), "{headers}");
        let snapshot = player.snapshot();
        assert!(snapshot.wire_octets > snapshot.payload_octets, "{headers}");
    }
}

#[test]
fn stream_that_breaks_off_in_a_frame_is_an_error() {
    let mut player = Player::new("http://camera/video", false);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    let whole = part(&jpeg(b"a"));
    player.receive([&whole[..], &whole[..whole.len() - 5]].concat());
    player.lose(None);
    assert!(player.errors()[0].starts_with("camera:80 closed the connection;"), "{:?}", player.errors());
    assert_eq!(player.received, 1);
}

/// A request may meet the end of an idle connection only where the connection has been used before.
#[test]
fn camera_that_closes_instead_of_its_first_response_is_an_error() {
    let mut player = Player::new("http://camera/video", false);
    player.set_goal(Goal::Playing);
    player.accept();
    player.lose(None);
    assert!(player.errors()[0].starts_with("camera:80 closed the connection;"), "{:?}", player.errors());
    assert!(!player.is_connecting());
}

/// A refusal that waiting does not mend ends the attempts.
#[test]
fn lost_camera_that_refuses_is_not_asked_again() {
    let mut player = Player::playing();
    player.receive(part(&jpeg(b"a")));
    player.lose(None);
    player.run_for(Duration::from_millis(1_001));
    player.accept();
    player.receive("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((player.errors().len(), player.reconnects().len()), (1, 1), "{:?}", player.errors());
    player.run_for(Duration::from_secs(60));
    assert!(!player.is_connecting());
}

#[test]
fn lost_camera_is_connected_to_again() {
    let mut player = Player::playing();
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    player.lose(None);
    assert_eq!((player.state(), player.is_connecting()), (RtspState::Init, false));
    let sentence = player.reconnects()[0].to_string();
    assert_eq!(sentence, "The connection to camera:80 was lost; reconnecting in 1 second (attempt 1)…");
    player.run_for(Duration::from_millis(1_001));
    player.lose(Some("connection refused"));
    assert!(player.reconnects()[1].to_string().contains("reconnecting in 2 seconds (attempt 2)"));
    // A camera that has just been started has no stream yet.
    player.run_for(Duration::from_millis(2_001));
    player.accept();
    player.receive("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(player.reconnects()[2].to_string().contains("in 4 seconds (attempt 3)"));
    player.run_for(Duration::from_millis(4_001));
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"b")));
    player.run_for(100 * MS);
    assert_eq!((player.state(), player.shown.len(), player.errors().len()), (RtspState::Playing, 2, 0));
    // After a frame, the waits begin with 1 second again.
    player.lose(None);
    assert!(player.reconnects()[3].to_string().contains("in 1 second (attempt 1)"));
}

#[test]
fn stalls_are_reported_and_end_in_another_connection() {
    let mut player = Player::playing();
    for number in 0..20 {
        player.receive(part(&jpeg(&[number])));
        player.run_for(50 * MS);
    }
    player.run_for(500 * MS);
    assert_eq!(player.count(&SessionEvent::Waiting(true)), 1);
    player.run_for(Duration::from_secs(5));
    assert!(player.errors()[0].starts_with("No data has arrived for 5 seconds"), "{:?}", player.errors());
    player.receive(part(&jpeg(b"again")));
    assert_eq!(player.count(&SessionEvent::Waiting(false)), 1);
    assert!(player.is_connected);
    player.run_for(Duration::from_secs(16));
    assert_eq!((player.is_connected, player.reconnects().len()), (false, 1));
}

/// RFC 2046 §5.1.1. Without it, a body that ends with the connection may have been cut.
#[test]
fn boundary_after_the_last_part_ends_the_stream() {
    for (closing, is_end) in [
        ("--frame--\r\n", true),
        ("--frame--", true),
        ("--frame--\r\nepilogue", true),
        ("--frame\r\n", false),
        ("", false),
    ] {
        let mut player = Player::playing();
        player.receive(part(&jpeg(b"a")));
        player.receive(closing);
        player.run_for(100 * MS);
        player.lose(None);
        player.run_for(200 * MS);
        let is_lost = !player.reconnects().is_empty();
        assert_eq!((player.count(&SessionEvent::Ended) == 1, is_lost), (is_end, !is_end), "{closing:?}");
    }
}

#[test]
fn suspended_computer_requests_the_stream_again() {
    let mut player = Player::playing();
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    let epoch = Epoch { instant: player.now, ntp: NtpTime(1 << 50) };
    let jump = ClockJump::Forward(Duration::from_secs(3_600));
    player.input(ClientInput::ClockJumped { jump, epoch });
    assert!(player.reconnects()[0].to_string().contains("camera:80"), "{:?}", player.reconnects());
    // The network is not back yet.
    player.lose(Some("network is unreachable"));
    assert!(player.reconnects()[1].to_string().contains("reconnecting in"), "{:?}", player.reconnects());
    player.run_for(Duration::from_secs(3));
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"b")));
    player.run_for(100 * MS);
    assert_eq!((player.state(), player.shown.len(), player.errors().len()), (RtspState::Playing, 2, 0));
}

#[test]
fn clock_jump_is_no_reason_to_reconnect_where_that_is_not_wanted() {
    let mut player = Player::new("http://camera/video", false);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    let epoch = Epoch { instant: player.now, ntp: NtpTime(1 << 50) };
    let jump = ClockJump::Forward(Duration::from_secs(3_600));
    player.input(ClientInput::ClockJumped { jump, epoch });
    assert!(player.reconnects().is_empty() && player.is_connected);
    assert_eq!(player.state(), RtspState::Playing);
}

#[test]
fn slow_camera_does_not_count_as_stalled() {
    let mut player = Player::playing();
    for number in 0..20 {
        player.receive(part(&jpeg(&[number])));
        player.run_for(Duration::from_secs(2));
    }
    // The interval is known after three frames.
    assert!(player.count(&SessionEvent::Waiting(true)) <= 2, "{:?}", player.events);
    assert_eq!(player.errors(), [""; 0]);
}

#[test]
fn messages_show_request_response_and_part_header_without_passwords() {
    let mut player = Player::new("http://ann:secret@camera/video?pwd=hidden", true);
    player.set_goal(Goal::Playing);
    player.accept();
    player.receive(MULTIPART);
    for number in 0..30 {
        player.receive(part(&jpeg(&[number])));
        player.run_for(50 * MS);
    }
    let lines: Vec<_> = player.messages().iter().map(|message| message.start_line.clone()).collect();
    assert_eq!(lines, ["GET /video?pwd=… HTTP/1.1", "HTTP/1.0 200 OK", "--frame"]);
    let header = &player.messages()[2].headers_and_body;
    assert!(header.starts_with("Content-Type: image/jpeg\nContent-Length: "), "{header}");
    let all = format!("{:?} {:?}", player.client, player.events);
    assert!(!all.contains("secret") && !all.contains("hidden"), "{all}");
}
