//! Parameters of a URL with which a player asks for means against loss. Sans-I/O.
//!
//! DESCRIBE has them, or for Reelay's player a header. The URL of the stream in the description has those that concern
//! SETUP, so that nothing has to be remembered between the two.

use super::resource::TRACK_CONTROL;
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::{Request, header};

/// Parameter of a URL by which a player asks for retransmission that cannot add a header to DESCRIBE:
/// `rtsp://host/film?retransmission=1`.
const RETRANSMISSION_PARAMETER: &str = "retransmission=1";

/// Parameter of a URL with which a player asks for parity packets, in DESCRIBE and SETUP: `rtsp://host/film?fec=5` for
/// groups, or `fec=10x5` for a grid.
const FEC_PARAMETER: &str = "fec=";

/// Parameter of a URL with which a player asks for restart markers in RFC 2435, in DESCRIBE and SETUP:
/// `rtsp://host/film?restarts=1`.
const RESTARTS_PARAMETER: &str = "restarts=1";

/// Returns true if a DESCRIBE asks for the repair of lost packets, of either kind.
pub fn asks_for_repair(request: &Request) -> bool {
    asks_for_retransmission(request) || parity_layout(request).is_some()
}

/// Returns true if a DESCRIBE asks for retransmission, by a header or in its URL. Others get a description without it:
/// live555 and VLC find no video in one with the profile RTP/AVPF.
pub fn asks_for_retransmission(request: &Request) -> bool {
    request.headers.get(header::X_REELAY_RETRANSMISSION) == Some("1")
        || parameters(request).any(|parameter| parameter == RETRANSMISSION_PARAMETER)
}

/// Returns the arrangement of the packets that parity packets are to protect, if a request asks for these, by a header
/// or in its URL.
pub fn parity_layout(request: &Request) -> Option<ParityLayout> {
    let stated = || parameters(request).find_map(|parameter| parameter.strip_prefix(FEC_PARAMETER));
    request.headers.get(header::X_REELAY_FEC).or_else(stated)?.parse().ok()
}

/// Returns true if the URL of a request asks for restart markers in RFC 2435.
pub fn asks_for_restarts(request: &Request) -> bool {
    parameters(request).any(|parameter| parameter == RESTARTS_PARAMETER)
}

fn parameters(request: &Request) -> impl Iterator<Item = &str> {
    request.uri.split_once('?').map(|(_, query)| query).unwrap_or_default().split('&')
}

/// Returns the URL of the stream in the description, relative to that of the film.
pub fn stream_control(parity_layout: Option<ParityLayout>, has_restarts: bool) -> String {
    let parity = parity_layout.map(|layout| format!("{FEC_PARAMETER}{layout}"));
    let restarts = has_restarts.then(|| RESTARTS_PARAMETER.to_owned());
    let parameters: Vec<_> = parity.into_iter().chain(restarts).collect();
    match parameters.is_empty() {
        true => TRACK_CONTROL.to_owned(),
        false => format!("{TRACK_CONTROL}?{}", parameters.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    #[test]
    fn setup_of_the_described_stream_asks_for_the_same() {
        for (fec, has_restarts) in [(None, false), (Some("5"), false), (None, true), (Some("10x5"), true)] {
            let layout = fec.and_then(|text| text.parse().ok());
            let url = format!("rtsp://h/film/{}", stream_control(layout, has_restarts));
            let request = Request::new(Method::Setup, &url);
            assert_eq!(parity_layout(&request), layout, "{url}");
            assert_eq!(asks_for_restarts(&request), has_restarts, "{url}");
            assert!(!asks_for_retransmission(&request), "{url}");
        }
    }
}
