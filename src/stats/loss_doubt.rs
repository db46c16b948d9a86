//! Reasons why a number of lost packets is not exact.

use serde::Serialize;

/// Reason why the number of lost packets may not be exact, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossDoubt {
    /// RTP-Info did not announce the first packet (RFC 2326 §12.33): losses before it are unknown.
    NoAnnouncement,
    /// The packets contradict RTP-Info: losses before the first one are unknown.
    WrongAnnouncement,
    /// The sender restarted its sequence numbers, or another SSRC took its place: losses at that moment are unknown.
    Restart,
    /// A large gap within a frame counts as loss, but may be a jump of the sequence numbers.
    LargeGap,
}

impl LossDoubt {
    /// Returns what qualifies the number, as the end of a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoAnnouncement => "since the first packet: the server did not announce it",
            Self::WrongAnnouncement => "since the first packet: the server announced another one",
            Self::Restart => "at least: the sender restarted its sequence numbers",
            Self::LargeGap => "at most: the sequence numbers may have jumped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_in_which_direction_the_number_is_wrong() {
        for (doubt, words) in [
            (LossDoubt::NoAnnouncement, "did not announce"),
            (LossDoubt::WrongAnnouncement, "announced another one"),
            (LossDoubt::Restart, "at least"),
            (LossDoubt::LargeGap, "at most"),
        ] {
            assert!(doubt.describe().contains(words), "{doubt:?}");
        }
        assert!(LossDoubt::NoAnnouncement < LossDoubt::LargeGap, "the weakest is first");
    }
}
