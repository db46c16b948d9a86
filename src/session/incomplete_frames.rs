//! Reasons why no frame is complete, as a part of a sentence. Sans-I/O.

use crate::stats::Snapshot;

/// Returns the reason that the figures show why no frame is complete: loss only if packets are lost.
pub fn incomplete_reason(snapshot: &Snapshot) -> String {
    if snapshot.lacks_packets {
        return incomplete_reason_over_http(snapshot).to_owned();
    }
    let Snapshot { packets_received, packets_expected, packets_lost, frames_incomplete, .. } = *snapshot;
    match (packets_received, frames_incomplete, packets_lost) {
        (0, ..) => "no packet has arrived".to_owned(),
        (_, 0, _) => "packets arrive, but none belongs to a frame".to_owned(),
        (_, _, 0) => {
            "no packet is lost, but each frame lacks its last packet, or its fragments do not join".to_owned()
        }
        _ => format!("{packets_lost} of {packets_expected} packets are lost"),
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
