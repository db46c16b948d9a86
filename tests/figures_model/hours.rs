//! Hours of play: timestamps wrap, and sequence numbers wrap several times.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reelay::proto::rtp::Header;
use reelay::session::Client;

use crate::FRAMES;
use crate::player::Player;

/// Time from one frame to the next. With one packet each, 14 hours have 252,000 packets.
const INTERVAL: Duration = Duration::from_millis(200);

const FRAME_COUNT: u32 = 14 * 60 * 60 * 5;

/// Ticks of 90 kHz from one frame to the next. All timestamps wrap after 13.3 hours.
const INTERVAL_TICKS: u32 = 18_000;

#[test]
fn counts_stay_true_when_timestamps_and_sequence_numbers_wrap() {
    let mut rng = SmallRng::seed_from_u64(1);
    let (first_sequence, first_timestamp) = (65_000u16, 1_000_000u32);
    let headers = format!(
        "RTP-Info: url=rtsp://127.0.0.1:8554/test;seq={first_sequence};rtptime={first_timestamp}\r\n"
    );
    let mut player = Player::playing(false, &headers);
    let content = FRAMES.iter().find(|frame| frame.packets().len() == 1).expect("a frame of one packet");
    let (mut received, mut duplicates, mut bytes) = (0, 0, Vec::new());
    for frame in 0..FRAME_COUNT {
        player.advance_to(INTERVAL * frame);
        player.respond_to_keep_alives();
        // The last one arrives, so that the losses before it are known.
        if frame + 1 < FRAME_COUNT && rng.random_range(0..100) == 0 {
            continue;
        }
        let timestamp = first_timestamp.wrapping_add(frame.wrapping_mul(INTERVAL_TICKS));
        content.write_packet(0, first_sequence.wrapping_add(frame as u16), timestamp, 9, &mut bytes);
        player.receive(false, &bytes);
        received += 1;
        if rng.random_range(0..200) == 0 {
            player.receive(false, &bytes);
            duplicates += 1;
        }
    }
    let last: &[u8; 12] = bytes.first_chunk().expect("a packet");
    assert!(Header::parse(last).timestamp < first_timestamp + 90_000 * 60 * 60, "the timestamps wrap");
    player.advance_to(INTERVAL * FRAME_COUNT + Duration::from_secs(1));
    let figures = player.client.snapshot(player.now);
    assert_eq!(
        (figures.packets_expected, figures.packets_received, figures.packets_duplicated),
        (u64::from(FRAME_COUNT), received, duplicates),
    );
    assert_eq!((figures.loss_doubt, figures.sequence_restarts, figures.packets_foreign), (None, 0, 0));
    assert_eq!((figures.frames_complete, figures.frames_shown), (received, received));
}
