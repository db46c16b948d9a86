//! Progress of the index of a media file, and the warning about a damaged file. Sans-I/O.

use crate::format::count;
use crate::media::container::FileDefects;

/// Progress of the index of a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexProgress {
    /// Number of frames indexed so far.
    pub frames: u64,
    /// Counts of damaged and oversized frames; `None` until the complete file has been read.
    pub defects: Option<FileDefects>,
    /// Indexing stopped at a read error; playback ends after the last indexed frame.
    pub has_failed: bool,
}

impl IndexProgress {
    /// Returns true if the number of frames is final: the file was read to its end, or indexing failed.
    pub fn is_finished(&self) -> bool {
        self.defects.is_some() || self.has_failed
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
        let FileDefects { damaged, oversized, is_truncated, unmarked, skipped_files } = self.defects?;
        let kind = match (damaged, is_truncated) {
            (0, false) => {
                let sentences = [
                    (skipped_files > 0).then(|| skipped_files_warning(name, skipped_files)),
                    (oversized > 0).then(|| oversized_warning(name, oversized)),
                ];
                let joined = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
                return Some(joined).filter(|it| !it.is_empty()).or_else(|| unmarked_warning(name, unmarked));
            }
            (0, true) => "truncated",
            (_, false) => "damaged",
            (_, true) => "damaged and truncated",
        };
        let incomplete = match damaged + u64::from(is_truncated) {
            1 => "1 incomplete frame is".to_owned(),
            count => format!("{count} incomplete frames are"),
        };
        Some(format!("{name} is {kind}: {incomplete} skipped; copy or download it again."))
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
        1 => format!("{name}: 1 file is no complete JPEG and is skipped; copy or download it again."),
        skipped => {
            let skipped = count(skipped);
            format!(
                "{name}: {skipped} files are no complete JPEGs and are skipped; copy or download them again."
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
        IndexProgress { frames: 9, defects: Some(defects), has_failed: false }.warning("v.mjpeg")
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
                FileDefects { oversized: 3, ..FileDefects::default() },
                "v.mjpeg has 3 frames larger than 16.8 MB, which are skipped; encode it again with a lower quality.",
            ),
            (
                FileDefects { skipped_files: 1_200, unmarked: 1, ..FileDefects::default() },
                "v.mjpeg: 1,200 files are no complete JPEGs and are skipped; copy or download them again.",
            ),
            (
                FileDefects { unmarked: 1, ..FileDefects::default() },
                "v.mjpeg: 1 frame has no end marker and may be incomplete; copy or download it again.",
            ),
        ] {
            assert_eq!(warning(defects).as_deref(), Some(sentence));
        }
        let failed = IndexProgress { frames: 9, defects: None, has_failed: true }.warning("v.mjpeg").unwrap();
        assert!(failed.contains("stops after frame 9"), "{failed}");
    }
}
