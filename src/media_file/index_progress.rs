//! Progress of the index of a media file, and the warning about a damaged file. Sans-I/O.

use crate::format::count;
use crate::media::container::FileDefects;

/// Progress of the index of a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexProgress {
    /// Number of frames indexed so far.
    pub frames: u64,
    /// Part of the file up to the last of them, in millionths; 0 if that is not known.
    pub covered_ppm: u32,
    /// Counts of damaged and oversized frames; `None` until the complete file has been read.
    pub defects: Option<FileDefects>,
    /// Indexing stopped at a read error; playback ends after the last indexed frame.
    pub has_failed: bool,
}

/// Value of [`IndexProgress::covered_ppm`] for a complete file.
const MILLION: u32 = 1_000_000;

/// Returns a part of a whole in millionths, at most a million; 0 if the whole is empty.
pub fn parts_per_million(part: u64, whole: u64) -> u32 {
    let ppm = u128::from(part) * u128::from(MILLION) / u128::from(whole.max(1));
    if whole == 0 { 0 } else { u32::try_from(ppm).unwrap_or(MILLION).min(MILLION) }
}

impl IndexProgress {
    /// Returns true if the number of frames is final: the file was read to its end, or indexing failed.
    pub fn is_finished(&self) -> bool {
        self.defects.is_some() || self.has_failed
    }

    /// Returns the number of frames that the complete file is expected to have, if the rest of it is like the part that
    /// is indexed; `None` if that part is not known.
    pub fn expected_frames(&self) -> Option<u64> {
        let covered = u64::from(self.covered_ppm.min(MILLION));
        let expected =
            u128::from(self.frames) * u128::from(MILLION) / u128::from((covered > 0).then_some(covered)?);
        u64::try_from(expected).ok()
    }

    /// Returns the message for users about a file that is damaged but can be played: what is wrong and what to try.
    /// `None` if nothing is wrong, and while the file is being indexed.
    pub fn warning(&self, name: &str) -> Option<String> {
        if self.has_failed {
            return Some(format!(
                "{name} could not be read to its end and stops after frame {}; check the disk and open it again.",
                self.frames
            ));
        }
        let FileDefects { damaged, oversized, is_truncated, missing, unmarked, skipped_files } =
            self.defects?;
        let kind = match (damaged + missing, is_truncated) {
            (0, false) => {
                let sentences = [
                    (skipped_files > 0).then(|| skipped_files_warning(name, skipped_files)),
                    (oversized > 0).then(|| oversized_warning(name, oversized)),
                ];
                let joined = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
                return Some(joined).filter(|it| !it.is_empty()).or_else(|| unmarked_warning(name, unmarked));
            }
            (_, true) if damaged == 0 => "truncated",
            (_, false) => "damaged",
            (_, true) => "damaged and truncated",
        };
        let incomplete = match damaged + u64::from(is_truncated) {
            0 => None,
            1 => Some("1 incomplete frame is skipped".to_owned()),
            incomplete => Some(format!("{} incomplete frames are skipped", count(incomplete))),
        };
        let missing = match missing {
            0 => None,
            1 => Some("about 1 frame is missing".to_owned()),
            missing => Some(format!("about {} frames are missing", count(missing))),
        };
        let lost: Vec<_> = incomplete.into_iter().chain(missing).collect();
        Some(format!("{name} is {kind}: {}; copy or download it again.", lost.join(", and ")))
    }
}

/// Returns the message about frames that are skipped because of their size.
fn oversized_warning(name: &str, oversized: u64) -> String {
    let oversized = match oversized {
        1 => "1 frame larger than 16.8 MB, which is".to_owned(),
        count => format!("{count} frames larger than 16.8 MB, which are"),
    };
    format!("{name} has {oversized} skipped; encode it again with a lower quality.")
}

/// Returns the message about files of a folder that are skipped.
fn skipped_files_warning(name: &str, skipped: u64) -> String {
    match skipped {
        1 => format!("{name}: 1 file is not a complete JPEG and is skipped; copy or download it again."),
        skipped => {
            let skipped = count(skipped);
            format!(
                "{name}: {skipped} files are not complete JPEGs and are skipped; copy or download them again."
            )
        }
    }
}

/// Returns the message about frames without EOI; `None` if there are none.
fn unmarked_warning(name: &str, unmarked: u64) -> Option<String> {
    let frames = match unmarked {
        0 => return None,
        1 => "1 frame has".to_owned(),
        unmarked => format!("{} frames have", count(unmarked)),
    };
    Some(format!("{name}: {frames} no end marker and may be incomplete; copy or download it again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(defects: FileDefects) -> Option<String> {
        IndexProgress { frames: 9, defects: Some(defects), ..IndexProgress::default() }.warning("v.mjpeg")
    }

    #[test]
    fn rest_of_the_file_is_expected_to_be_like_its_part() {
        let progress = |frames, part, whole| IndexProgress {
            frames,
            covered_ppm: parts_per_million(part, whole),
            ..IndexProgress::default()
        };
        assert_eq!(progress(500, 1_000, 4_000).expected_frames(), Some(2_000));
        assert_eq!(progress(500, 4_000, 4_000).expected_frames(), Some(500));
        assert_eq!(progress(500, 5_000, 4_000).expected_frames(), Some(500), "the file has grown");
        assert_eq!(progress(500, 0, 0).expected_frames(), None);
        assert_eq!(progress(u64::MAX, 1, u64::MAX).expected_frames(), None);
        assert_eq!(progress(u64::MAX, u64::MAX, u64::MAX).expected_frames(), Some(u64::MAX));
    }

    #[test]
    fn complete_or_growing_index_has_no_warning() {
        assert_eq!(warning(FileDefects::default()), None);
        assert_eq!(IndexProgress { frames: 9, ..IndexProgress::default() }.warning("v.mjpeg"), None);
    }

    #[test]
    fn warning_states_problem_and_remedy() {
        let truncated = FileDefects { is_truncated: true, ..FileDefects::default() };
        for (defects, sentence) in [
            (truncated, "v.mjpeg is truncated: 1 incomplete frame is skipped; copy or download it again."),
            (
                FileDefects { damaged: 2, ..truncated },
                "v.mjpeg is damaged and truncated: 3 incomplete frames are skipped; copy or download it again.",
            ),
            (
                FileDefects { missing: 1_481, ..truncated },
                "v.mjpeg is truncated: 1 incomplete frame is skipped, and about 1,481 frames are missing; copy or \
                 download it again.",
            ),
            (
                FileDefects { missing: 1, ..FileDefects::default() },
                "v.mjpeg is damaged: about 1 frame is missing; copy or download it again.",
            ),
            (
                FileDefects { oversized: 3, ..FileDefects::default() },
                "v.mjpeg has 3 frames larger than 16.8 MB, which are skipped; encode it again with a lower quality.",
            ),
            (
                FileDefects { skipped_files: 1_200, unmarked: 1, ..FileDefects::default() },
                "v.mjpeg: 1,200 files are not complete JPEGs and are skipped; copy or download them again.",
            ),
            (
                FileDefects { unmarked: 1, ..FileDefects::default() },
                "v.mjpeg: 1 frame has no end marker and may be incomplete; copy or download it again.",
            ),
        ] {
            assert_eq!(warning(defects).as_deref(), Some(sentence));
        }
        let failed = IndexProgress { frames: 9, has_failed: true, ..IndexProgress::default() }
            .warning("v.mjpeg")
            .unwrap();
        assert!(failed.contains("stops after frame 9"), "{failed}");
    }
}
