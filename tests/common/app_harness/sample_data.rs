//! The sample film and figures of a lossy session.

use std::sync::Arc;

use bytes::Bytes;
use reelay::impairment::EmulatorStats;
use reelay::media::FrameRate;
use reelay::media::container::{ContainerFormat, FrameTimes};
use reelay::media::jpeg::Dimensions;
use reelay::media_file::{IndexProgress, MediaFile, MediaInfo};
use reelay::proto::rtsp::Npt;
use reelay::stats::{Fate, FrameTimeAreas, PacketLogRow, Snapshot};

static SAMPLE: &[u8] = include_bytes!("../../../assets/sample.mjpeg");

pub(super) fn sample_frame(number: u64) -> Bytes {
    let film = MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let indexed = async { progress.wait_for(|progress| progress.frames > number).await.unwrap().frames };
    let frames = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(indexed);
    assert!(frames > number, "only {frames} frames");
    film.read_frame(number).unwrap()
}

pub(super) fn lossy_snapshot(update: u64, received: u64, lost: u64, wave: f64) -> Snapshot {
    let jitter = 0.8 + 0.4 * wave;
    Snapshot {
        playing_s: update as f64 / 4.0,
        packets_expected: received + lost,
        packets_received: received,
        packets_lost: lost,
        loss_ratio: Some(lost as f64 / (received + lost) as f64),
        cumulative_lost: lost as i64 - 3,
        loss_bursts: lost / 2,
        loss_burst_mean: Some(2.0),
        loss_burst_longest: 7,
        packets_duplicated: 3,
        packets_reordered: 12,
        reordered_farthest: 4,
        packets_late: 2,
        jitter_ms: Some(2.0 * jitter),
        jitter_mean_ms: Some(1.7),
        jitter_max_ms: Some(4.2),
        frame_jitter_ms: Some(jitter),
        frame_jitter_mean_ms: Some(0.8),
        frame_jitter_max_ms: Some(1.9),
        bits_per_second: 3.02e6 + 0.3e6 * wave,
        wire_bits_per_second: 3.11e6 + 0.3e6 * wave,
        payload_octets: received * 1_350,
        wire_octets: received * 1_390 + (wave * 9_000.0).abs() as u64,
        frames_complete: update * 5 - lost / 4,
        frames_incomplete: lost / 4,
        frames_dropped_late: 1,
        frames_shown: update * 5,
        frames_damaged: lost / 4,
        fresh_area: Some(1.0 - 0.8 * lost as f64 / (received + lost) as f64),
        // A frame has about 15 packets.
        frame_times: FrameTimeAreas { count: update * 5, fresh: update as f64 * 5.0 - lost as f64 / 18.0 },
        frames_per_second_sent: Some(20.0),
        frames_per_second: 19.0,
        frames_per_second_shown: 19.0,
        first_frame_ms: Some(8.4),
        playout_delay_ms: Some(48.6),
        network_delay_ms: Some(41.6 + wave),
        network_delay_mean_ms: Some(40.9),
        network_delay_max_ms: Some(55.3),
        buffered_ms: Some(42.0 + 8.0 * wave),
        end_to_end_ms: Some(91.3),
        end_to_end_mean_ms: Some(90.8),
        is_one_clock: true,
        round_trip_ms: Some(41.2),
        stalls: 2,
        stalled_ms: 612.0,
        longest_stall_ms: 390.0,
        decode_ms: Some(1.31),
        decode_max_ms: Some(4.7),
        emulated: Some(EmulatorStats {
            offered: received + lost,
            delivered: received,
            lost_random: lost,
            duplicated: 3,
            seed: 7,
            ..EmulatorStats::default()
        }),
        ..Snapshot::default()
    }
}

/// Returns 30 rows of 14 to 16 packets, with some packets of each fate.
pub(super) fn packet_rows() -> Arc<[PacketLogRow]> {
    let fate = |number: usize| match number % 61 {
        7 | 8 => Fate::Lost,
        20 => Fate::Reordered,
        33 => Fate::Duplicated,
        47 => Fate::Late,
        _ => Fate::Received,
    };
    (0..30)
        .map(|row| PacketLogRow { packets: (0..14 + row % 3).map(|cell| fate(row * 14 + cell)).collect() })
        .collect()
}

/// Returns the properties of the sample film, of which this many of its 200 frames are indexed.
pub fn media_info(frames: u64) -> MediaInfo {
    MediaInfo {
        id: 1,
        name: "sample.mjpeg".to_owned(),
        format: ContainerFormat::Classroom,
        dimensions: Dimensions { width: 640, height: 360 },
        undecodable_kind: None,
        times: FrameTimes::Assumed(FrameRate::CLASSROOM),
        other_streams: Vec::new(),
        progress: IndexProgress {
            frames,
            defects: (frames == 200).then(Default::default),
            ..IndexProgress::default()
        },
    }
}

/// Returns the position at this many seconds.
pub fn npt_seconds(seconds: u64) -> Npt {
    Npt::from_micros(seconds * 1_000_000)
}
