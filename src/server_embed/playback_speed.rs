//! The Scale and Speed headers of a PLAY (RFC 2326 §12.34, §12.35). Sans-I/O.

use crate::media::FrameRate;
use crate::proto::rtsp::{Factor, FactorError, Request, Response, StatusCode, header};

/// Scale and Speed of a PLAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaybackSpeed {
    /// Seconds of media per second of the RTP clock (RFC 2326 §12.34).
    pub scale: Factor,
    /// Seconds of the RTP clock per second of the wall clock (RFC 2326 §12.35).
    pub speed: Factor,
}

/// Minimum of Scale and of Speed: 0.25.
const MIN_FACTOR: Factor = Factor::from_thousandths(250);

/// Maximum of Scale and of Speed: 8.
const MAX_FACTOR: Factor = Factor::from_thousandths(8_000);

impl PlaybackSpeed {
    /// Parses the Scale and Speed headers of a PLAY; returns `None` if it has neither.
    ///
    /// Values are clamped to 0.25–8, and a Scale of 0 or below becomes 1, because this server does not play
    /// backwards. The response states the values used (see [`add_headers`](Self::add_headers)).
    ///
    /// # Errors
    /// Returns the response to send, 400, for a value that is not a number, and for a Speed of 0 or below, which RFC
    /// 2326 §12.35 calls invalid.
    pub fn from_request(request: &Request) -> Result<Option<Self>, Response> {
        let parse = |name| request.headers.get(name).map(Factor::parse).transpose();
        let scale = match parse(header::SCALE) {
            Err(FactorError::Malformed) => return Err(invalid_header(header::SCALE)),
            Err(FactorError::NotForward) => Some(Factor::ONE),
            Ok(scale) => scale,
        };
        let speed = parse(header::SPEED).map_err(|_| invalid_header(header::SPEED))?;
        if scale.is_none() && speed.is_none() {
            return Ok(None);
        }
        let clamped = |factor: Option<Factor>| factor.unwrap_or_default().clamp(MIN_FACTOR, MAX_FACTOR);
        Ok(Some(Self { scale: clamped(scale), speed: clamped(speed) }))
    }

    /// Returns the rate at which the frames of a film with this rate are sent. A Scale above 1 skips frames instead.
    pub fn send_rate(self, rate: FrameRate) -> FrameRate {
        rate.scaled_by(self.scale.min(Factor::ONE)).scaled_by(self.speed)
    }

    /// Adds Scale and Speed to the response to a PLAY: each if it was requested or is not 1.
    pub fn add_headers(self, request: &Request, mut response: Response) -> Response {
        for (name, factor) in [(header::SCALE, self.scale), (header::SPEED, self.speed)] {
            if factor != Factor::ONE || request.headers.get(name).is_some() {
                response = response.with_header(name, factor.to_string());
            }
        }
        response
    }
}

fn invalid_header(name: &str) -> Response {
    Response::error(StatusCode::BAD_REQUEST, format_args!("the {name} header is invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    fn play(headers: &[(&'static str, &str)]) -> Request {
        let request = Request::new(Method::Play, "rtsp://h/f");
        headers.iter().fold(request, |request, (name, value)| request.with_header(name, *value))
    }

    #[test]
    fn requested_scale_and_speed_are_clamped() {
        let thousandths = |headers: &[(&'static str, &str)]| {
            let parsed =
                PlaybackSpeed::from_request(&play(headers)).map_err(|refusal| refusal.status.code())?;
            Ok(parsed.map(|parsed| (parsed.scale.as_thousandths(), parsed.speed.as_thousandths())))
        };
        assert_eq!(thousandths(&[]), Ok(None));
        assert_eq!(thousandths(&[("Scale", "1.5")]), Ok(Some((1_500, 1_000))));
        assert_eq!(thousandths(&[("Speed", "2.000000"), ("Scale", "0.5")]), Ok(Some((500, 2_000))));
        assert_eq!(thousandths(&[("Scale", "1000"), ("Speed", "0.01")]), Ok(Some((8_000, 250))));
        assert_eq!(thousandths(&[("Scale", "-1")]), Ok(Some((1_000, 1_000))));
        assert_eq!(thousandths(&[("Scale", "0")]), Ok(Some((1_000, 1_000))));
        for wrong in [("Scale", "fast"), ("Speed", "fast"), ("Speed", "0"), ("Speed", "-2")] {
            assert_eq!(thousandths(&[wrong]), Err(400), "{wrong:?}");
        }
    }

    #[test]
    fn response_states_requested_or_non_default_factors() {
        let stated = |used: PlaybackSpeed, headers: &[(&'static str, &str)]| {
            let response = used.add_headers(&play(headers), Response::new(StatusCode::OK));
            let value = |name| response.headers.get(name).map(str::to_owned);
            (value("Scale"), value("Speed"))
        };
        assert_eq!(stated(PlaybackSpeed::default(), &[]), (None, None));
        assert_eq!(stated(PlaybackSpeed::default(), &[("Scale", "-1")]), (Some("1.0".to_owned()), None));
        let fast = PlaybackSpeed { speed: Factor::from_thousandths(2_500), ..PlaybackSpeed::default() };
        assert_eq!(stated(fast, &[]), (None, Some("2.5".to_owned())));
    }
}
