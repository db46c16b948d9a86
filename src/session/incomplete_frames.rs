//! Reasons why no frame is complete, as a part of a sentence. Sans-I/O.

use crate::stats::Snapshot;

/// Returns the reason that the figures show why no frame is complete: loss only if packets are lost.
pub fn incomplete_reason(snapshot: &Snapshot) -> String {
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
    }
}
