//! PURE. How fast a PLAY runs, and what of it may be asked for.

use crate::proto::rtsp::{Factor, FactorError, Request, Response, Status, header};

/// How fast a PLAY runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tempo {
    /// Seconds of the film in a second of the RTP clock (RFC 2326 §12.34).
    pub scale: Factor,
    /// Seconds of the RTP clock in a second on the wall (RFC 2326 §12.35).
    pub speed: Factor,
}

/// What a film may be slowed down to, and sped up to.
const SLOWEST: Factor = Factor::thousandths(250);
const FASTEST: Factor = Factor::thousandths(8_000);

impl Tempo {
    /// The tempo that a PLAY gets; `None` if it asks for none, and then the film runs as usual.
    ///
    /// What is too fast or too slow becomes what is possible, and the answer tells. A film does not run backwards, nor
    /// does it stand still while it plays: then it runs as usual, and the answer tells, too.
    ///
    /// # Errors
    /// 400 for what is no number, and for a Speed that is not above zero, which RFC 2326 §12.35 calls invalid.
    pub fn asked(request: &Request) -> Result<Option<Self>, Response> {
        let read = |name| request.headers.get(name).map(Factor::parse).transpose();
        let scale = match read(header::SCALE) {
            Err(FactorError::Malformed) => return Err(refusal(header::SCALE)),
            Err(FactorError::NotForward) => Some(Factor::ONE),
            Ok(scale) => scale,
        };
        let speed = read(header::SPEED).map_err(|_| refusal(header::SPEED))?;
        if scale.is_none() && speed.is_none() {
            return Ok(None);
        }
        let possible = |factor: Option<Factor>| factor.unwrap_or_default().clamp(SLOWEST, FASTEST);
        Ok(Some(Self { scale: possible(scale), speed: possible(speed) }))
    }

    /// The answer to a PLAY, with the tempo where it was asked for, or is not the usual one.
    pub fn tell(self, request: &Request, mut response: Response) -> Response {
        for (name, factor) in [(header::SCALE, self.scale), (header::SPEED, self.speed)] {
            if factor != Factor::ONE || request.headers.get(name).is_some() {
                response = response.with(name, factor.to_string());
            }
        }
        response
    }
}

fn refusal(name: &str) -> Response {
    Response::refusal(Status::BAD_REQUEST, format_args!("the {name} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    fn play(headers: &[(&'static str, &str)]) -> Request {
        let request = Request::new(Method::Play, "rtsp://h/f");
        headers.iter().fold(request, |request, (name, value)| request.with(name, *value))
    }

    #[test]
    fn what_is_possible_is_granted_and_what_is_not_comes_close() {
        let thousandths = |headers: &[(&'static str, &str)]| {
            let tempo = Tempo::asked(&play(headers)).map_err(|refusal| refusal.status.code())?;
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
    fn the_answer_tells_what_was_asked_for_and_what_is_unusual() {
        let told = |tempo: Tempo, headers: &[(&'static str, &str)]| {
            let response = tempo.tell(&play(headers), Response::new(Status::OK));
            let told = |name| response.headers.get(name).map(str::to_owned);
            (told("Scale"), told("Speed"))
        };
        assert_eq!(told(Tempo::default(), &[]), (None, None));
        assert_eq!(told(Tempo::default(), &[("Scale", "-1")]), (Some("1.0".to_owned()), None));
        let fast = Tempo { speed: Factor::thousandths(2_500), ..Tempo::default() };
        assert_eq!(told(fast, &[]), (None, Some("2.5".to_owned())));
    }
}
