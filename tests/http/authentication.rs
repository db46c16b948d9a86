//! Basic and Digest.

use reelay::session::{Goal, SessionError, SessionEvent};

use super::player::{MS, MULTIPART, Player, jpeg, part};

const BASIC: &str =
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"\r\nContent-Length: 4\r\n\r\nno!\n";

fn digest(nonce: &str) -> String {
    format!(
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Digest realm=\"cam\", qop=\"auth\", \
         nonce=\"{nonce}\"\r\n\r\n"
    )
}

fn asked(url: &str) -> Player {
    let mut player = Player::new(url, true);
    player.set_goal(Goal::Playing);
    player.accept();
    player
}

#[test]
fn basic_is_answered_on_the_same_connection() {
    let mut player = asked("http://ann:secret@camera/video");
    player.receive(BASIC);
    assert_eq!((player.connects.len(), player.requests.len()), (1, 2));
    assert!(
        player.requests[1].contains("\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n"),
        "{}",
        player.requests[1]
    );
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    assert_eq!(player.shown.len(), 1);
    let all = format!("{:?} {:?}", player.client, player.events);
    assert!(!all.contains("secret") && !all.contains("YW5uOnNlY3JldA"), "{all}");
}

#[test]
fn body_of_a_challenge_may_arrive_late() {
    let mut player = asked("http://ann:secret@camera/video");
    player.receive(&BASIC[..BASIC.len() - 2]);
    player.run_for(1_000 * MS);
    assert_eq!((player.requests.len(), player.errors().len()), (1, 0), "{:?}", player.errors());
    player.receive(&BASIC[BASIC.len() - 2..]);
    assert_eq!((player.connects.len(), player.requests.len()), (1, 2));
}

#[test]
fn digest_is_answered_on_another_connection_if_the_server_closes() {
    let mut player = asked("http://ann:secret@camera/video?x=1");
    player.receive(digest("n1"));
    player.accept();
    let request = &player.requests[1];
    assert!(request.contains("Authorization: Digest username=\"ann\""), "{request}");
    assert!(request.contains("uri=\"/video?x=1\"") && request.contains("nonce=\"n1\""), "{request}");
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    assert_eq!(player.shown.len(), 1);
}

#[test]
fn wrong_and_missing_passwords_are_reported() {
    let mut player = asked("http://ann:wrong@camera/video");
    player.receive(BASIC);
    player.receive(BASIC);
    assert_eq!(player.count(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: true })), 1);
    let mut player = asked("http://camera/video");
    player.receive(BASIC);
    assert_eq!(player.count(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: false })), 1);
    let mut player = asked("http://ann:secret@camera/video");
    player.receive("HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\n\r\n");
    assert!(player.errors()[0].contains("neither Basic nor Digest"), "{:?}", player.errors());
}

#[test]
fn nonce_that_has_expired_is_replaced() {
    let mut player = asked("http://ann:secret@camera/video");
    player.receive(digest("n1"));
    player.accept();
    player.receive(MULTIPART);
    player.receive(part(&jpeg(b"a")));
    player.run_for(100 * MS);
    player.set_goal(Goal::Ready);
    player.set_goal(Goal::Playing);
    player.accept();
    assert!(player.requests[2].contains("nonce=\"n1\"") && player.requests[2].contains("nc=00000002"));
    // The camera does not say that the nonce is stale.
    player.receive(digest("n2"));
    player.accept();
    assert!(player.requests[3].contains("nonce=\"n2\""), "{}", player.requests[3]);
    player.receive(digest("n3"));
    assert_eq!(player.count(&SessionEvent::Failed(SessionError::Unauthorized { was_refused: true })), 1);
}
