//! Responses with random errors: no panic, no endless loop, bounded memory.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use reelay::session::Goal;

use super::player::{MS, Player, jpeg, timed_part};

/// Returns a response of each kind.
fn responses() -> Vec<Vec<u8>> {
    let parts: Vec<u8> = (0..3u8)
        .flat_map(|number| timed_part(&jpeg(&[number; 20]), "X-Timestamp: 1700000000.5\r\n"))
        .collect();
    let multipart = "Content-Type: multipart/x-mixed-replace; boundary=\"frame\"\r\n";
    let chunked: Vec<u8> = parts
        .chunks(50)
        .flat_map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat())
        .collect();
    let snapshot = jpeg(b"snapshot");
    vec![
        [format!("HTTP/1.0 200 OK\r\n{multipart}\r\n").as_bytes(), &parts].concat(),
        [format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{multipart}\r\n").as_bytes(), &chunked, b"0\r\n\r\n"].concat(),
        [format!("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", snapshot.len()).as_bytes(), &snapshot].concat(),
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 2\r\n\r\nno".to_vec(),
        b"HTTP/1.1 302 Found\r\nLocation: http://other/x\r\n\r\n".to_vec(),
        b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\n\r\n".to_vec(),
    ]
}

fn mutate(random: &mut Pcg64Mcg, bytes: &mut Vec<u8>) {
    for _ in 0..random.random_range(0..6) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        let end = (at + random.random_range(0..40)).min(bytes.len());
        match random.random_range(0..5) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] = *b"\r\n:; -0aF".get(random.random_range(0..9)).unwrap(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            _ => bytes.truncate(at),
        }
    }
}

#[test]
fn mutated_responses_are_handled() {
    let (mut random, responses) = (Pcg64Mcg::seed_from_u64(11), responses());
    let mut frames = 0;
    let rounds = std::env::var("REELAY_MUTATION_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(3_000) {
        let mut player = Player::new("http://ann:pw@camera/video", round % 2 == 0);
        player.set_goal([Goal::Playing, Goal::Ready][round / 2 % 2]);
        for _ in 0..random.random_range(1..5) {
            if player.is_connecting() {
                player.accept();
            }
            let mut response = responses[random.random_range(0..responses.len())].clone();
            mutate(&mut random, &mut response);
            let size = random.random_range(1..200);
            for piece in response.chunks(size) {
                if player.is_connected {
                    player.receive(piece);
                }
            }
            player.run_for(MS * random.random_range(1..3_000));
            if player.is_connected && random.random_bool(0.5) {
                player.lose(None);
            }
        }
        frames += player.received;
        player.set_goal(Goal::Stopped);
        assert!(!player.is_connected && player.client.poll_timeout().is_none(), "round {round}");
    }
    assert!(frames > 500, "only {frames} frames were found");
}
