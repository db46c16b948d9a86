//! Reasons why no frame is complete, as a part of a sentence. Sans-I/O.

use crate::stats::Snapshot;

/// Returns the reason that the figures show why no frame is complete: loss only if packets are lost.
pub fn incomplete_reason(snapshot: &Snapshot) -> String {
    if snapshot.lacks_packets {
        return incomplete_reason_over_http(snapshot).to_owned();
    }
    let Snapshot { packets_received, packets_expected, packets_lost, frames_incomplete, .. } = *snapshot;
    let seen = (snapshot.frames_without_marker, snapshot.frames_with_gaps);
    match (packets_received, frames_incomplete, packets_lost) {
        (0, ..) => "no packet has arrived".to_owned(),
        (_, 0, _) => "packets arrive, but none belongs to a frame".to_owned(),
        (_, _, 0) => format!("no packet is lost, but {}", reason_without_loss(seen)),
        _ => format!("{packets_lost} of {packets_expected} packets are lost"),
    }
}

/// Returns the reason for incomplete frames of which no packet is lost, from the numbers of frames without a marker and
/// of frames whose fragments do not join.
fn reason_without_loss(seen: (u64, u64)) -> &'static str {
    match seen {
        (1.., 0) => "each frame lacks its last packet: the marker bit is missing",
        (0, 1..) => "the fragments of each frame do not join: their offsets leave gaps or overlap",
        _ => "each frame lacks its last packet, or its fragments do not join",
    }
}

/// Returns the reason for a stream without packets.
fn incomplete_reason_over_http(snapshot: &Snapshot) -> &'static str {
    match (snapshot.wire_octets, snapshot.frames_unusable) {
        (0, _) => "no data has arrived",
        (_, 0) => "data arrives, but no frame has ended",
        _ => "data arrives, but its parts are damaged or no JPEG",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_named_only_if_packets_are_lost() {
        let reason = |packets_received, frames_incomplete, packets_lost| {
            let packets_expected = packets_received + packets_lost;
            let snapshot = Snapshot {
                packets_received,
                packets_expected,
                packets_lost,
                frames_incomplete,
                ..Snapshot::default()
            };
            incomplete_reason(&snapshot)
        };
        assert_eq!(reason(0, 0, 0), "no packet has arrived");
        assert!(reason(50, 0, 0).contains("none belongs to a frame"));
        assert!(reason(50, 10, 0).contains("no packet is lost"));
        assert_eq!(reason(50, 10, 10), "10 of 60 packets are lost");
        let without_loss = |frames_without_marker, frames_with_gaps| {
            incomplete_reason(&Snapshot {
                packets_received: 50,
                frames_incomplete: 10,
                frames_without_marker,
                frames_with_gaps,
                ..Snapshot::default()
            })
        };
        assert!(without_loss(10, 0).ends_with("lacks its last packet: the marker bit is missing"));
        assert!(without_loss(0, 10).ends_with("do not join: their offsets leave gaps or overlap"));
        assert!(without_loss(5, 5).ends_with("lacks its last packet, or its fragments do not join"));
        let over_http = |wire_octets, frames_unusable| {
            incomplete_reason(&Snapshot {
                lacks_packets: true,
                wire_octets,
                frames_unusable,
                ..Snapshot::default()
            })
        };
        assert_eq!(over_http(0, 0), "no data has arrived");
        assert_eq!(over_http(500, 0), "data arrives, but no frame has ended");
        assert!(over_http(500, 3).contains("damaged or no JPEG"));
    }
}
