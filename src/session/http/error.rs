//! Errors of a stream over HTTP, as sentences for the user. Sans-I/O.

use crate::proto::http::{BodyError, HeadError, RedirectError};

/// Error of a stream over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No response arrived in time.
    #[error("{server} did not respond to GET in time; check the address and the port, and try again.")]
    TimedOut {
        /// Host and port of the server.
        server: String,
    },
    /// The bytes on the connection are not HTTP, or their head cannot be read.
    #[error("{server} does not speak HTTP as expected ({problem}); check the port, and http:// or https://.")]
    NotHttp {
        /// Host and port of the server.
        server: String,
        /// Problem of the head.
        problem: HeadError,
    },
    /// The body cannot be read.
    #[error("The response of {server} cannot be read ({problem}); try another URL of the camera.")]
    Body {
        /// Host and port of the server.
        server: String,
        /// Problem of the body.
        problem: BodyError,
    },
    /// The server refused the request.
    #[error("The server refused GET: {status} {reason}; {}", advice_on_refusal(*status))]
    Refused {
        /// Status code.
        status: u16,
        /// Reason phrase without its full stop.
        reason: String,
    },
    /// The server is busy (status 503 or 429).
    #[error("The server is busy ({status}); {}", describe_wait(*retry_after))]
    Busy {
        /// Status code.
        status: u16,
        /// Seconds to wait, from Retry-After; `None` if they are not stated.
        retry_after: Option<u64>,
    },
    /// The response is compressed, although the request excludes that.
    #[error(
        "The server compresses the stream ({coding}), which Reelay does not read; switch compression off in the server \
         or the proxy before it."
    )]
    Compressed {
        /// Value of Content-Encoding.
        coding: String,
    },
    /// The response is no Motion JPEG.
    #[error("This URL is {essence}, {}", advice_on_type(essence))]
    OtherType {
        /// Media type of the response.
        essence: String,
    },
    /// The response is a file of several frames.
    #[error("This URL is a film of several frames and not a stream; download it and open the file.")]
    Film,
    /// The redirect is not followed.
    #[error("The server redirects, but {0}; check the URL.")]
    Redirect(RedirectError),
    /// The servers redirected too many times.
    #[error("The server redirected more than {max} times; check the URL.")]
    TooManyRedirects {
        /// Maximum number of redirects.
        max: u32,
    },
    /// The redirect has no Location header.
    #[error("The server redirects without saying where to; check the URL.")]
    NoLocation,
    /// The scheme of the challenge is unknown.
    #[error(
        "The server asks for a password in a way that is neither Basic nor Digest; change that in the camera."
    )]
    UnknownScheme,
    /// The body ended, or nothing arrived, before the first frame.
    #[error("The response contains no frame; try another URL of the camera.")]
    NoFrame,
}

fn advice_on_refusal(status: u16) -> &'static str {
    match status {
        403 => "check the user's rights in the camera.",
        404 | 410 => "check the path in the URL.",
        400 | 405 => "try another URL of the camera.",
        500.. => "try again later, or restart the camera.",
        _ => "try again, or try another URL of the camera.",
    }
}

fn describe_wait(retry_after: Option<u64>) -> String {
    match retry_after {
        Some(1) => "try again in 1 second.".to_owned(),
        Some(seconds) => format!("try again in {seconds} seconds."),
        None => "close other players, or try again later.".to_owned(),
    }
}

fn advice_on_type(essence: &str) -> &'static str {
    match essence {
        "text/html" => "not Motion JPEG; it is a web page: look there for the address of the video stream.",
        "video/mp4" | "video/quicktime" | "video/x-msvideo" | "video/avi" | "video/x-matroska"
        | "video/webm" => "not a stream of Motion JPEG; if it is a film, download it and open the file.",
        _ if essence.starts_with("video/") => {
            "not Motion JPEG; switch the camera to Motion JPEG, or try another URL of it."
        }
        _ => "not Motion JPEG; try another URL of the camera.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_to_try() {
        let page = HttpError::OtherType { essence: "text/html".to_owned() }.to_string();
        assert!(page.starts_with("This URL is text/html, not Motion JPEG; it is a web page"), "{page}");
        let busy = |retry_after| HttpError::Busy { status: 503, retry_after }.to_string();
        assert_eq!(busy(Some(1)), "The server is busy (503); try again in 1 second.");
        assert_eq!(busy(None), "The server is busy (503); close other players, or try again later.");
        let refused = HttpError::Refused { status: 404, reason: "Not Found".to_owned() }.to_string();
        assert_eq!(refused, "The server refused GET: 404 Not Found; check the path in the URL.");
        for (status, word) in [
            (403, "rights"),
            (410, "path"),
            (400, "another URL of the camera"),
            (405, "another URL"),
            (500, "restart"),
            (418, "try again,"),
        ] {
            let advice = advice_on_refusal(status);
            assert!(advice.contains(word), "{status}: {advice}");
        }
        assert_ne!(advice_on_refusal(400), advice_on_refusal(418));
    }

    #[test]
    fn advice_fits_the_type() {
        let advice = |essence: &str| HttpError::OtherType { essence: essence.to_owned() }.to_string();
        assert!(advice("video/mp2t").contains("not Motion JPEG; switch the camera to Motion JPEG"));
        assert_eq!(
            advice("video/x-msvideo"),
            "This URL is video/x-msvideo, not a stream of Motion JPEG; if it is a film, download it and open the file."
        );
        assert!(advice("audio/aac").ends_with("try another URL of the camera."));
    }
}
