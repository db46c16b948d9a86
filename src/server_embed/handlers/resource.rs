//! The target of a request URL. Sans-I/O.

use crate::proto::rtsp::{Request, Response, RtspUrl, StatusCode};

/// Last path segment of the URL of a media file's only stream (`a=control` of its SDP media).
pub const TRACK_CONTROL: &str = "track1";

/// Target of a request URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The server itself: `*`, or a URL without a path.
    Server,
    /// A media file by its name: the presentation, in the terms of RFC 2326 §1.3.
    Presentation(String),
    /// The stream of a media file, by the name of the file.
    Track(String),
}

impl Resource {
    /// Parses the URL of a request.
    ///
    /// # Errors
    /// Returns the response to send, 400, if the URL is malformed or its path is not UTF-8.
    pub fn from_request(request: &Request) -> Result<Self, Response> {
        if request.uri == "*" {
            return Ok(Self::Server);
        }
        let url = RtspUrl::parse(&request.uri).map_err(|error| {
            Response::error(StatusCode::BAD_REQUEST, format_args!("the URL is invalid: {error}"))
        })?;
        let Some(path) = url.decoded_path() else {
            return Err(Response::error(StatusCode::BAD_REQUEST, "the path is not UTF-8"));
        };
        Ok(match path.rsplit_once('/') {
            Some((name, TRACK_CONTROL)) => Self::Track(name.to_owned()),
            _ if path.is_empty() => Self::Server,
            _ => Self::Presentation(path),
        })
    }

    /// Returns the stream of a film if the last path segment names no film: clients append `trackID=0`, `streamid=0` or
    /// `stream=0` without having read the control URL in the SDP, and a film has only one stream. `is_film` tells
    /// whether a film is served under a name.
    pub fn resolve_track_alias(self, is_film: impl Fn(&str) -> bool) -> Self {
        match self {
            Self::Presentation(path) if !is_film(&path) => match path.rsplit_once('/') {
                Some((name, _)) if is_film(name) => Self::Track(name.to_owned()),
                _ => Self::Presentation(path),
            },
            other => other,
        }
    }

    /// Name of the media file; `None` for the server itself.
    pub fn media_name(&self) -> Option<&str> {
        match self {
            Self::Server => None,
            Self::Presentation(name) | Self::Track(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    #[test]
    fn url_resolves_to_server_presentation_or_track() {
        let resource = |uri: &str| {
            Resource::from_request(&Request::new(Method::Setup, uri)).map_err(|refusal| refusal.status.code())
        };
        assert_eq!(resource("*"), Ok(Resource::Server));
        assert_eq!(resource("rtsp://h:8554/"), Ok(Resource::Server));
        assert_eq!(
            resource("rtsp://h:8554/a%20b/film.mjpeg/"),
            Ok(Resource::Presentation("a b/film.mjpeg".to_owned()))
        );
        assert_eq!(resource("rtsp://h:8554/film.mjpeg/track1"), Ok(Resource::Track("film.mjpeg".to_owned())));
        assert_eq!(resource("movie.Mjpeg"), Err(400));
        assert_eq!(resource("rtsp://h/%FF"), Err(400));
    }

    #[test]
    fn last_segment_that_names_no_film_is_an_alias_of_the_track() {
        let films = ["film.mjpeg", "a/film.mjpeg", "film.mjpeg/copy.mjpeg"];
        let resolve = |path: &str| {
            Resource::Presentation(path.to_owned()).resolve_track_alias(|name| films.contains(&name))
        };
        for segment in ["trackID=0", "trackID=1", "streamid=0", "stream=0", "track2", "video"] {
            assert_eq!(resolve(&format!("film.mjpeg/{segment}")), Resource::Track("film.mjpeg".to_owned()));
            assert_eq!(
                resolve(&format!("a/film.mjpeg/{segment}")),
                Resource::Track("a/film.mjpeg".to_owned())
            );
        }
        for name in ["film.mjpeg", "film.mjpeg/copy.mjpeg", "a/other.mjpeg", "film.mjpeg/a/b", "trackID=0"] {
            assert_eq!(resolve(name), Resource::Presentation(name.to_owned()));
        }
    }
}
