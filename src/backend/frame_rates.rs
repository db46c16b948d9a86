//! Frame rates of films that state none.

use super::source::MediaSource;
use crate::media::FrameRate;

/// Frame rates of films that state none: those that the user has set for single films, and the rate of all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRates {
    default: FrameRate,
    /// Films with their rates, the last one first. Paths are absolute.
    films: Vec<(MediaSource, FrameRate)>,
}

/// Maximum number of films with a rate of their own.
const MAX_FILMS: usize = 256;

impl FrameRates {
    /// Creates the rates; `default` is that of every film.
    pub fn new(default: FrameRate) -> Self {
        Self { default, films: Vec::new() }
    }

    /// Returns the rate of films that have none of their own.
    pub fn default_rate(&self) -> FrameRate {
        self.default
    }

    /// Sets the rate of films that have none of their own.
    pub fn set_default_rate(&mut self, rate: FrameRate) {
        self.default = rate;
    }

    /// Returns the rate of a film.
    pub fn rate_of(&self, film: &MediaSource) -> FrameRate {
        self.own_rate_of(film).unwrap_or(self.default)
    }

    /// Returns the rate that the user has set for a film; `None` if there is none.
    pub fn own_rate_of(&self, film: &MediaSource) -> Option<FrameRate> {
        let film = film.clone().absolute();
        self.films.iter().find(|(known, _)| *known == film).map(|&(_, rate)| rate)
    }

    /// Sets the rate of a film. Beyond 256 films, those that were set first have the default rate again.
    pub fn set_rate_of(&mut self, film: MediaSource, rate: FrameRate) {
        let film = film.absolute();
        self.films.retain(|(known, _)| *known != film);
        self.films.insert(0, (film, rate));
        self.films.truncate(MAX_FILMS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_has_its_own_rate_or_the_default() {
        let per_second = FrameRate::per_second;
        let mut rates = FrameRates::new(per_second(20));
        let film = |name: &str| MediaSource::File(name.into());
        rates.set_rate_of(film("a.mjpeg"), per_second(5));
        rates.set_rate_of(MediaSource::Sample, per_second(6));
        rates.set_rate_of(film("a.mjpeg"), per_second(7));
        let absolute = std::env::current_dir().unwrap().join("a.mjpeg");
        assert_eq!(rates.rate_of(&MediaSource::File(absolute)), per_second(7));
        assert_eq!(rates.rate_of(&MediaSource::Sample), per_second(6));
        rates.set_default_rate(per_second(30));
        assert_eq!(rates.rate_of(&film("b.mjpeg")), per_second(30));
        assert_eq!(rates.rate_of(&film("a.mjpeg")), per_second(7));
        for number in 0..MAX_FILMS {
            rates.set_rate_of(film(&format!("{number}.mjpeg")), per_second(8));
        }
        assert_eq!(rates.rate_of(&film("a.mjpeg")), per_second(30));
    }
}
