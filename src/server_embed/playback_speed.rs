//! PURE. How fast a PLAY runs, and what of it may be asked for.

use crate::proto::rtsp::{Factor, FactorError, Request, Response, StatusCode, header};

/// How fast a PLAY runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaybackSpeed {
    /// Seconds of the film in a second of the RTP clock (RFC 2326 §12.34).
    pub scale: Factor,
    /// Seconds of the RTP clock in a second on the wall (RFC 2326 §12.35).
    pub speed: Factor,
}

/// What a film may be slowed down to, and sped up to.
const MIN_FACTOR: Factor = Factor::from_thousandths(250);
const MAX_FACTOR: Factor = Factor::from_thousandths(8_000);

impl PlaybackSpeed {
    /// The tempo that a PLAY gets; `None` if it asks for none, and then the film runs as usual.
    ///
    /// What is too fast or too slow becomes what is possible, and the answer tells. A film does not run backwards, nor
    /// does it stand still while it plays: then it runs as usual, and the answer tells, too.
    ///
    /// # Errors
    /// 400 for what is no number, and for a Speed that is not above zero, which RFC 2326 §12.35 calls invalid.
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

    /// The answer to a PLAY, with the tempo where it was asked for, or is not the usual one.
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
    Response::error(StatusCode::BAD_REQUEST, format_args!("the {name} cannot be read"))
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
            let tempo =
                PlaybackSpeed::from_request(&play(headers)).map_err(|refusal| refusal.status.code())?;
            Ok(tempo.map(|tempo| (tempo.scale.as_thousandths(), tempo.speed.as_thousandths())))
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
        let told = |tempo: PlaybackSpeed, headers: &[(&'static str, &str)]| {
            let response = tempo.add_headers(&play(headers), Response::new(StatusCode::OK));
            let told = |name| response.headers.get(name).map(str::to_owned);
            (told("Scale"), told("Speed"))
        };
        assert_eq!(told(PlaybackSpeed::default(), &[]), (None, None));
        assert_eq!(told(PlaybackSpeed::default(), &[("Scale", "-1")]), (Some("1.0".to_owned()), None));
        let fast = PlaybackSpeed { speed: Factor::from_thousandths(2_500), ..PlaybackSpeed::default() };
        assert_eq!(told(fast, &[]), (None, Some("2.5".to_owned())));
    }
}
