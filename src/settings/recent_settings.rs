//! Changes of the films and streams that were opened before. Sans-I/O.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::recents::{KnownServer, LastAttempt, MAX_RECENTS, Recent, RecentSource, RecentStream};
use super::values::Settings;
use crate::session::{PortSpelling, SourceUrl};

impl Settings {
    /// Moves a film to the front of the recents. A path that is not Unicode cannot be written to the settings file, and
    /// is not remembered.
    pub fn remember_film(&mut self, path: PathBuf, now: Timestamp) {
        if path.to_str().is_some_and(|path| !path.is_empty()) {
            self.remember(RecentSource::Film(path), now);
        }
    }

    /// Moves a stream to the front of the recents. Nothing is remembered of an address that contains a password which
    /// cannot be left out.
    pub fn remember_stream(&mut self, url: &SourceUrl, now: Timestamp) {
        let Some(address) = url.without_secrets() else { return };
        let port_spelling = self.port_spelling(&url.host_and_port());
        let last_attempt = self.stream_mut(url).and_then(|known| known.last_attempt);
        let dialect = url.dialect();
        self.remember(
            RecentSource::Stream(RecentStream { address, dialect, last_attempt, port_spelling }),
            now,
        );
    }

    fn remember(&mut self, source: RecentSource, now: Timestamp) {
        if self.keep_recents {
            self.forget(&source);
            let opened = Timestamp::from_second(now.as_second()).unwrap_or(now);
            self.recents.insert(0, Recent { source, opened });
            self.recents.truncate(MAX_RECENTS);
        }
    }

    /// Removes a film or a stream from the recents.
    pub fn forget(&mut self, source: &RecentSource) {
        self.recents.retain(|known| !known.source.is_same(source));
    }

    /// Returns true if a film is among the recents.
    pub fn is_recent_film(&self, path: &Path) -> bool {
        self.recents.iter().any(|known| matches!(&known.source, RecentSource::Film(film) if film == path))
    }

    /// Stores the result of the last attempt to connect to a stream; returns true if that is new. Nothing is stored for
    /// a stream that is not among the recents.
    pub fn set_last_attempt(&mut self, url: &SourceUrl, last_attempt: LastAttempt) -> bool {
        self.stream_mut(url)
            .is_some_and(|stream| stream.last_attempt.replace(last_attempt) != Some(last_attempt))
    }

    fn stream_mut(&mut self, url: &SourceUrl) -> Option<&mut RecentStream> {
        let address = url.without_secrets()?;
        self.streams_mut().find(|stream| stream.address == address)
    }

    fn streams(&self) -> impl Iterator<Item = &RecentStream> {
        self.recents.iter().filter_map(|recent| match &recent.source {
            RecentSource::Stream(stream) => Some(stream),
            RecentSource::Film(_) => None,
        })
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = &mut RecentStream> {
        self.recents.iter_mut().filter_map(|recent| match &mut recent.source {
            RecentSource::Stream(stream) => Some(stream),
            RecentSource::Film(_) => None,
        })
    }

    /// Returns the servers of the recent streams, the last one first.
    pub fn known_servers(&self) -> Vec<KnownServer> {
        let server = |stream: &RecentStream| {
            Some(KnownServer { address: stream.host_and_port()?, dialect: stream.dialect })
        };
        self.streams().filter_map(server).collect()
    }

    /// Returns the spelling of the RTP port that this classroom server reads; the most common one if the server is not
    /// known.
    pub fn port_spelling(&self, address: &str) -> PortSpelling {
        let mut known = self.streams().filter(|stream| stream.is_classroom_server(address));
        known.next().map(|stream| stream.port_spelling).unwrap_or_default()
    }

    /// Stores the spelling of the RTP port that a classroom server reads, if one of its films is among the recents.
    pub fn remember_port_spelling(&mut self, address: &str, spelling: PortSpelling) {
        self.streams_mut()
            .filter(|stream| stream.is_classroom_server(address))
            .for_each(|stream| stream.port_spelling = spelling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Dialect;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000_000 + second).unwrap()
    }

    fn url(text: &str) -> SourceUrl {
        SourceUrl::parse(text).unwrap()
    }

    fn classroom(text: &str) -> SourceUrl {
        SourceUrl::parse_as(text, Dialect::Classroom).unwrap()
    }

    fn texts(settings: &Settings) -> Vec<String> {
        settings.recents.iter().map(|recent| recent.source.text()).collect()
    }

    #[test]
    fn recents_are_unique_and_bounded() {
        let mut settings = Settings::default();
        for number in 0..100 {
            settings.remember_film(format!("/films/{number}.avi").into(), at(number));
            settings.remember_stream(&url(&format!("rtsp://camera{number}/live")), at(number));
        }
        settings.remember_film("/films/99.avi".into(), at(200));
        assert_eq!(settings.recents.len(), MAX_RECENTS);
        assert_eq!(texts(&settings)[..3], ["/films/99.avi", "rtsp://camera99/live", "rtsp://camera98/live"]);
        assert_eq!(settings.recents[0].opened, at(200));
        settings.forget(&RecentSource::Film("/films/99.avi".into()));
        assert!(!settings.is_recent_film(Path::new("/films/99.avi")));
        assert!(settings.is_recent_film(Path::new("/films/98.avi")));
        let mut private = Settings { keep_recents: false, ..Settings::default() };
        private.remember_film("/films/a.avi".into(), at(0));
        private.remember_stream(&url("rtsp://camera/live"), at(0));
        assert_eq!(private.recents, []);
    }

    #[test]
    fn no_password_is_remembered() {
        for (typed, known) in [
            ("rtsp://ann:secret@camera/live", Some("rtsp://camera/live")),
            ("http://ann:secret@camera/video?fps=5", Some("http://camera/video?fps=5")),
            ("http://camera/video?user=ann&pwd=secret", Some("http://camera/video?user=ann&pwd=…")),
            ("rtsp://camera/live?password=secret", Some("rtsp://camera/live?password=…")),
            ("rtsp://camera/user=ann_password=secret_channel=1.sdp", None),
            ("http://camera/video?access_key=secret", None),
        ] {
            let mut settings = Settings::default();
            settings.remember_stream(&url(typed), at(0));
            assert_eq!(texts(&settings), known.into_iter().collect::<Vec<_>>());
            assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
        }
        let mut settings = Settings::default();
        settings.remember_stream(&url("http://camera/video?pwd=secret"), at(0));
        let RecentSource::Stream(stream) = &settings.recents[0].source else { panic!("no stream") };
        assert_eq!(stream.url(), None, "it cannot be connected to without the password");
        settings.remember_stream(&url("http://camera/video?pwd=other"), at(1));
        assert_eq!(settings.recents.len(), 1);
    }

    #[test]
    fn last_attempt_is_kept_for_its_stream() {
        let mut settings = Settings::default();
        let camera = url("rtsp://ann:secret@camera/live");
        let connected = LastAttempt::Connected;
        assert!(!settings.set_last_attempt(&camera, connected), "it is not among the recents");
        settings.remember_stream(&camera, at(0));
        assert!(settings.set_last_attempt(&camera, connected));
        assert!(!settings.set_last_attempt(&camera, connected), "nothing changes");
        settings.remember_stream(&url("rtsp://camera/live"), at(1));
        let RecentSource::Stream(stream) = &settings.recents[0].source else { panic!("no stream") };
        assert_eq!(stream.last_attempt, Some(connected), "until the next attempt");
    }

    #[test]
    fn port_spelling_is_kept_for_its_server() {
        let mut settings = Settings::default();
        settings.remember_stream(&classroom("rtsp://lab.example:1025/movie.Mjpeg"), at(0));
        settings.remember_port_spelling("lab.example:1025", PortSpelling::Bare);
        settings.remember_stream(&url("rtsp://other.example:1025/live"), at(1));
        settings.remember_stream(&classroom("rtsp://LAB.example:1025/other.Mjpeg"), at(2));
        assert_eq!(settings.port_spelling("lab.example:1025"), PortSpelling::Bare);
        for other in ["other.example:1025", "unknown.example:1025"] {
            assert_eq!(settings.port_spelling(other), PortSpelling::Spaced);
        }
        let known = |address: &str, dialect| KnownServer { address: address.to_owned(), dialect };
        let servers = settings.known_servers();
        assert_eq!(servers.len(), 3);
        assert!(servers.contains(&known("lab.example:1025", Dialect::Classroom)), "{servers:?}");
        assert!(servers.contains(&known("other.example:1025", Dialect::Standard)), "{servers:?}");
    }
}
