//! The Range header of PLAY and PAUSE. Sans-I/O.

use crate::media_file::MediaInfo;
use crate::proto::rtsp::{Npt, NptRange, RangeError, Response, StatusCode};

/// Parses a Range header.
///
/// # Errors
/// Returns the response to send: 501 for units other than npt, 456 for a `time` parameter, 400 for a malformed value.
pub fn parse_range(value: &str) -> Result<NptRange, Response> {
    let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split('=').next());
    if parameters.any(|name| name.trim().eq_ignore_ascii_case("time")) {
        return Err(Response::error(
            StatusCode::HEADER_FIELD_NOT_VALID,
            "the time parameter is not supported: playback starts at once",
        ));
    }
    NptRange::parse(value).map_err(|error| match error {
        RangeError::UnsupportedUnit => {
            Response::error(StatusCode::NOT_IMPLEMENTED, "ranges are supported in npt only")
        }
        RangeError::Malformed => Response::error(StatusCode::BAD_REQUEST, "the Range header is invalid"),
    })
}

/// Returns the frame at the start position of a Range.
///
/// # Errors
/// Returns the response to send: 457 for a position after the end, 456 for one that is not indexed yet.
pub fn frame_at(media: &MediaInfo, position: Npt) -> Result<u64, Response> {
    let (frame, end) = (media.times.frame_at(position), media.times.npt_of(media.frames()));
    match (frame < media.frames(), media.is_complete()) {
        (true, _) => Ok(frame),
        (false, true) => {
            Err(Response::error(StatusCode::INVALID_RANGE, format_args!("the film ends at {end}")))
        }
        (false, false) => Err(Response::error(
            StatusCode::HEADER_FIELD_NOT_VALID,
            format_args!("the film is still being indexed, so far up to {end}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_file::IndexProgress;
    use crate::media_file::info::tests::info;

    #[test]
    fn position_is_found_or_refused_with_457_or_456() {
        let media = info(500);
        let frame = |media: &MediaInfo, micros| {
            frame_at(media, Npt::from_micros(micros)).map_err(|refusal| refusal.status.code())
        };
        assert_eq!(frame(&media, 0), Ok(0));
        assert_eq!(frame(&media, 20_000_000), Ok(400));
        assert_eq!(frame(&media, 24_999_999), Ok(499));
        assert_eq!(frame(&media, 25_000_000), Err(457));
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..media };
        assert_eq!(frame(&growing, 25_000_000), Err(456));
    }
}
