//! Posters of the films on the start screen, which are read one after the other in the background.

use std::path::{Path, PathBuf};

use iced::widget::image;

use crate::backend::Poster;
use crate::settings::{Recent, RecentSource};

/// Width and height of a poster, in logical pixels.
pub const POSTER_SIZE: (f32, f32) = (64.0, 40.0);

/// Posters that are known; at most one for each of the recents.
#[derive(Debug, Default)]
pub struct Posters {
    /// Films with their posters; `None` for a film without one.
    known: Vec<(PathBuf, Option<image::Handle>)>,
    /// A poster is being read.
    is_reading: bool,
}

impl Posters {
    /// Returns the poster of a film, if it has one and that was read.
    pub fn get(&self, film: &Path) -> Option<&image::Handle> {
        self.known.iter().find(|(known, _)| known == film).and_then(|(_, poster)| poster.as_ref())
    }

    /// Returns the next film whose poster is to be read; `None` while one is being read. Forgets the posters of films
    /// that are not among the recents.
    pub fn next(&mut self, recents: &[Recent]) -> Option<PathBuf> {
        if self.is_reading {
            return None;
        }
        let films = || {
            recents.iter().filter_map(|recent| match &recent.source {
                RecentSource::Film(film) => Some(film),
                RecentSource::Stream(_) => None,
            })
        };
        self.known.retain(|(known, _)| films().any(|film| film == known));
        let next = films().find(|film| self.known.iter().all(|(known, _)| known != *film))?.clone();
        self.is_reading = true;
        Some(next)
    }

    /// Adds the poster that was read.
    pub fn add(&mut self, film: PathBuf, poster: Option<Poster>) {
        self.is_reading = false;
        let poster =
            poster.map(|Poster { width, height, pixels }| image::Handle::from_rgba(width, height, pixels));
        self.known.retain(|(known, _)| *known != film);
        self.known.push((film, poster));
    }

    /// Forgets the poster of a film that is opened: it may have changed when it is shown again.
    pub fn forget(&mut self, film: &Path) {
        self.known.retain(|(known, _)| known != film);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recents(names: &[&str]) -> Vec<Recent> {
        let recent = |name: &&str| Recent {
            source: RecentSource::Film(name.into()),
            opened: jiff::Timestamp::UNIX_EPOCH,
        };
        names.iter().map(recent).collect()
    }

    #[test]
    fn posters_are_read_one_after_the_other_and_forgotten_with_their_films() {
        let mut posters = Posters::default();
        let poster = || Some(Poster { width: 1, height: 1, pixels: vec![0; 4].into() });
        assert_eq!(posters.next(&recents(&["a", "b"])), Some("a".into()));
        assert_eq!(posters.next(&recents(&["a", "b"])), None, "one is being read");
        posters.add("a".into(), poster());
        assert_eq!(posters.next(&recents(&["a", "b"])), Some("b".into()));
        posters.add("b".into(), None);
        assert_eq!(posters.next(&recents(&["a", "b"])), None, "a film without a poster is not tried again");
        assert!(posters.get(Path::new("a")).is_some() && posters.get(Path::new("b")).is_none());
        assert_eq!(posters.next(&recents(&["b"])), None);
        assert!(posters.get(Path::new("a")).is_none() && posters.known.len() == 1);
        posters.forget(Path::new("b"));
        assert_eq!(posters.next(&recents(&["b"])), Some("b".into()), "it may have changed");
    }
}
