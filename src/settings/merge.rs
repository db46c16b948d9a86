//! Merging of the settings of this process with those that another one has written. Sans-I/O.

use super::recents::MAX_RECENTS;
use super::values::{MAX_CERTIFICATES, MAX_FILMS, Settings};

/// Returns the settings to write: those of this process (`own`) where it has changed them since `before`, and those of
/// the file where it has not.
pub fn merge(before: &Settings, own: &Settings, file: Settings) -> Settings {
    /// Merges the values, and the lists of entries, each with the function that tells whether two are about the same.
    macro_rules! merged {
        (values: $($value:ident),*; lists: $($list:ident: $is_same:expr, $max:expr),*;) => {
            Settings {
                recents_cleared: own.recents_cleared,
                $($value: if own.$value == before.$value { file.$value } else { own.$value.clone() },)*
                $($list: merge_entries(&before.$list, &own.$list, &file.$list, $is_same, $max),)*
            }
        };
    }
    let changed_recents = file.recents != before.recents;
    let mut merged = merged! {
        values: controls, theme, frame_rate, playout_delay_ms, automatic_playout_delay, retransmission, error_correction,
            interface_scale, recording_format, snapshot_format, film_folder, save_folder, show_damaged_frames, tint_missing_parts, panels,
            window, keep_recents, picture_size, play_when_opened, keep_on_top, resume_films;
        lists:
            recents: |one, other| one.source.is_same(&other.source), usize::MAX,
            certificates: |one, other| one.address.eq_ignore_ascii_case(&other.address), MAX_CERTIFICATES,
            films: |one, other| one.path == other.path, MAX_FILMS;
    };
    if own.recents != before.recents && changed_recents {
        merged.recents.sort_by_key(|recent| std::cmp::Reverse(recent.opened));
    }
    merged.recents.truncate(MAX_RECENTS);
    if own.recents_cleared != before.recents_cleared {
        // The user cleared the list; entries of other windows are removed too.
        merged.recents.clear();
    }
    if !merged.keep_recents {
        merged.clear_recents();
    }
    merged
}

/// Merges entries, of which each has its own identity. Those of this process stand first.
fn merge_entries<T: Clone + PartialEq>(
    before: &[T],
    own: &[T],
    file: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    max: usize,
) -> Vec<T> {
    if own == before {
        return file.to_vec();
    }
    let find = |entries: &[T], entry: &T| entries.iter().find(|known| is_same(known, entry)).cloned();
    let kept = own.iter().filter_map(|entry| match find(before, entry) {
        // Changed, or removed, by the other process only.
        Some(known) if known == *entry => find(file, entry),
        _ => Some(entry.clone()),
    });
    let added = file.iter().filter(|entry| find(before, entry).is_none() && find(own, entry).is_none());
    let mut merged: Vec<T> = kept.collect();
    merged.extend(added.cloned());
    merged.truncate(max);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Fingerprint, Orientation};
    use crate::settings::{Controls, ThemePreference};

    fn settings(films: &[(&str, i64)]) -> Settings {
        let mut settings = Settings::default();
        for (film, second) in films {
            settings.remember_film((*film).into(), jiff::Timestamp::from_second(*second).unwrap());
        }
        settings
    }

    fn films(settings: &Settings) -> Vec<String> {
        settings.recents.iter().map(|recent| recent.source.text()).collect()
    }

    #[test]
    fn own_changes_and_those_of_the_file_are_kept() {
        let before = settings(&[("/a", 1), ("/b", 2)]);
        let own = Settings { controls: Controls::Four, ..settings(&[("/a", 1), ("/b", 2), ("/own", 5)]) };
        let theme = ThemePreference::Light;
        let file = Settings { theme, ..settings(&[("/file", 3), ("/b", 4)]) };
        let merged = merge(&before, &own, file);
        assert_eq!((merged.controls, merged.theme), (Controls::Four, theme));
        assert_eq!(films(&merged), ["/own", "/b", "/file"], "the other process has removed /a");
    }

    #[test]
    fn unchanged_settings_are_those_of_the_file() {
        let before = settings(&[("/a", 1)]);
        let file = Settings { controls: Controls::Four, ..settings(&[]) };
        assert_eq!(merge(&before, &before, file.clone()), file);
    }

    #[test]
    fn removed_entries_stay_removed_and_a_cleared_list_is_empty() {
        let before = settings(&[("/a", 1), ("/b", 2)]);
        let file = settings(&[("/a", 1), ("/b", 2), ("/file", 3)]);
        assert_eq!(films(&merge(&before, &settings(&[("/b", 2)]), file.clone())), ["/file", "/b"]);
        let mut cleared = before.clone();
        cleared.clear_recents();
        assert_eq!(films(&merge(&before, &cleared, file.clone())), [""; 0]);
        let other = settings(&[("/b", 2), ("/file", 3)]);
        let merged = merge(&settings(&[("/b", 2)]), &Settings::default(), other);
        assert_eq!(films(&merged), ["/file"], "the last one was removed, and not the list cleared");
    }

    #[test]
    fn recents_that_one_process_does_not_keep_are_not_written() {
        let before = settings(&[]);
        let private = Settings { keep_recents: false, ..settings(&[]) };
        let mut other = settings(&[("/b", 2)]);
        other.change_film("/b".into(), |film| film.left_at_frame = Some(4));
        for merged in [merge(&before, &other, private.clone()), merge(&before, &private, other.clone())] {
            assert!(!merged.keep_recents);
            assert_eq!((films(&merged).len(), merged.films.len()), (0, 0));
        }
    }

    #[test]
    fn added_certificate_stays_when_another_process_removes_its_only_one() {
        let trusting = |address: &str| {
            let mut settings = Settings::default();
            settings.trust_certificate(address.to_owned(), Fingerprint::of(address.as_bytes()));
            settings
        };
        let mut file = trusting("a:1");
        file.trust_certificate("b:2".to_owned(), Fingerprint::of(b"b"));
        let merged = merge(&trusting("a:1"), &Settings::default(), file);
        assert_eq!(merged.certificates.len(), 1);
        assert_eq!(merged.certificates[0].address, "b:2");
    }

    #[test]
    fn merged_lists_are_bounded() {
        let many = |name: &str, first| {
            let films: Vec<_> =
                (0..MAX_RECENTS as i64).map(|at| (format!("/{name}{at}"), first + at)).collect();
            settings(&films.iter().map(|(film, second)| (film.as_str(), *second)).collect::<Vec<_>>())
        };
        let merged = merge(&Settings::default(), &many("own", 0), many("file", 5));
        assert_eq!(merged.recents.len(), MAX_RECENTS);
        assert_eq!(films(&merged)[..5], ["/file19", "/file18", "/file17", "/file16", "/file15"]);
    }

    #[test]
    fn change_of_a_film_replaces_that_of_the_file() {
        let turned = Orientation::default().rotated();
        let (mut own, mut file) = (Settings::default(), Settings::default());
        own.change_film("/a".into(), |film| film.orientation = turned);
        file.change_film("/a".into(), |film| film.left_at_frame = Some(3));
        file.change_film("/b".into(), |film| film.left_at_frame = Some(4));
        let merged = merge(&Settings::default(), &own, file);
        assert_eq!(merged.films.len(), 2);
        assert_eq!(merged.films[0].orientation, turned);
    }
}
