//! PURE. How far the index of a film is, and what is wrong with the film.

use crate::media::container::Outcome;

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The pictures that are known.
    pub frames: u64,
    /// What was met besides, once the whole file has been read.
    pub outcome: Option<Outcome>,
    /// Reading stopped at an error; the film ends where it is.
    pub failed: bool,
}

impl Progress {
    /// Whether no more pictures will become known.
    pub fn is_over(&self) -> bool {
        self.outcome.is_some() || self.failed
    }

    /// What is wrong with a film that plays all the same: a sentence for people, with what to do.
    pub fn flaw(&self, film: &str) -> Option<String> {
        if self.failed {
            return Some(format!(
                "{film} could not be read to its end, and ends after frame {}; check its disk, and open it again.",
                self.frames
            ));
        }
        let Outcome { damaged, oversized, cut } = self.outcome?;
        let kind = match (damaged, cut) {
            (0, false) if oversized == 0 => return None,
            (0, false) => {
                return Some(format!(
                    "{film} holds pictures larger than 16 MiB, {oversized} in all, which are left out; encode it anew \
                     with a lower quality."
                ));
            }
            (0, true) => "cut",
            (_, false) => "damaged",
            (_, true) => "damaged and cut",
        };
        let broken = match damaged + u64::from(cut) {
            1 => "one picture is".to_owned(),
            broken => format!("{broken} pictures are"),
        };
        Some(format!("{film} is {kind}: {broken} not whole and left out; copy or download it again."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(outcome: Outcome) -> Option<String> {
        Progress { frames: 9, outcome: Some(outcome), failed: false }.flaw("v.mjpeg")
    }

    #[test]
    fn a_whole_film_has_no_flaw_and_one_that_is_being_read_has_none_yet() {
        assert_eq!(flaw(Outcome::default()), None);
        assert_eq!(Progress { frames: 9, ..Progress::default() }.flaw("v.mjpeg"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let cut = Outcome { cut: true, ..Outcome::default() };
        for (outcome, sentence) in [
            (cut, "v.mjpeg is cut: one picture is not whole and left out; copy or download it again."),
            (
                Outcome { damaged: 2, ..cut },
                "v.mjpeg is damaged and cut: 3 pictures are not whole and left out; copy or download it again.",
            ),
            (
                Outcome { oversized: 3, ..Outcome::default() },
                "v.mjpeg holds pictures larger than 16 MiB, 3 in all, which are left out; encode it anew with a lower \
                 quality.",
            ),
        ] {
            assert_eq!(flaw(outcome).as_deref(), Some(sentence));
        }
        let failed = Progress { frames: 9, outcome: None, failed: true }.flaw("v.mjpeg").unwrap();
        assert!(failed.contains("ends after frame 9"), "{failed}");
    }
}
