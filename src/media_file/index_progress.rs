//! PURE. How far the index of a film is, and what is wrong with the film.

use crate::media::container::FileDefects;

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexProgress {
    /// The pictures that are known.
    pub frames: u64,
    /// What was met besides, once the whole file has been read.
    pub defects: Option<FileDefects>,
    /// Reading stopped at an error; the film ends where it is.
    pub has_failed: bool,
}

impl IndexProgress {
    /// Whether no more pictures will become known.
    pub fn is_finished(&self) -> bool {
        self.defects.is_some() || self.has_failed
    }

    /// What is wrong with a film that plays all the same: a sentence for people, with what to do.
    pub fn warning(&self, name: &str) -> Option<String> {
        if self.has_failed {
            return Some(format!(
                "{name} could not be read to its end, and ends after frame {}; check its disk, and open it again.",
                self.frames
            ));
        }
        let FileDefects { damaged, oversized, is_truncated: cut } = self.defects?;
        let kind = match (damaged, cut) {
            (0, false) if oversized == 0 => return None,
            (0, false) => {
                return Some(format!(
                    "{name} holds pictures larger than 16 MiB, {oversized} in all, which are left out; encode it anew \
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
        Some(format!("{name} is {kind}: {broken} not whole and left out; copy or download it again."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(defects: FileDefects) -> Option<String> {
        IndexProgress { frames: 9, defects: Some(defects), has_failed: false }.warning("v.mjpeg")
    }

    #[test]
    fn complete_or_growing_index_has_no_warning() {
        assert_eq!(warning(FileDefects::default()), None);
        assert_eq!(IndexProgress { frames: 9, ..IndexProgress::default() }.warning("v.mjpeg"), None);
    }

    #[test]
    fn warning_states_problem_and_remedy() {
        let cut = FileDefects { is_truncated: true, ..FileDefects::default() };
        for (defects, sentence) in [
            (cut, "v.mjpeg is cut: one picture is not whole and left out; copy or download it again."),
            (
                FileDefects { damaged: 2, ..cut },
                "v.mjpeg is damaged and cut: 3 pictures are not whole and left out; copy or download it again.",
            ),
            (
                FileDefects { oversized: 3, ..FileDefects::default() },
                "v.mjpeg holds pictures larger than 16 MiB, 3 in all, which are left out; encode it anew with a lower \
                 quality.",
            ),
        ] {
            assert_eq!(warning(defects).as_deref(), Some(sentence));
        }
        let failed = IndexProgress { frames: 9, defects: None, has_failed: true }.warning("v.mjpeg").unwrap();
        assert!(failed.contains("ends after frame 9"), "{failed}");
    }
}
