//! Mistakes of a peer that are tolerated, for whoever debugs that peer: what is wrong, which section of which RFC
//! says so, and how it was read instead.

/// Kind of a mistake. Parsers report it with the place at which it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// A response has another CSeq than the request in flight.
    WrongCseq,
    /// A keep-alive request was not answered, although the session goes on.
    UnansweredKeepAlive,
    /// The response to SETUP has no Session header, or an empty one.
    MissingSession,
    /// A header line of a response has no colon.
    HeaderWithoutColon,
    /// Bytes between messages or interleaved packets belong to none.
    JunkBetweenMessages,
    /// A Digest challenge with a SHA algorithm has no qop.
    DigestWithoutQop,
    /// A session description does not begin with `v=0`.
    MissingSdpVersion,
    /// A line of a session description is malformed.
    MalformedSdpLine,
    /// An rtpmap attribute is not one payload type, one space and one encoding.
    RtpmapSpacing,
    /// The `m=` line does not list the payload type that rtpmap maps to JPEG.
    UnlistedPayloadType,
    /// The server redirects a session to the same URL.
    RedirectToItself,
    /// A classroom server does not find the port in the usual spelling of the Transport header.
    PortSpelling,
    /// The Content-Type of a multipart response has no boundary.
    MissingBoundary,
    /// The parts are separated by another boundary than the one in Content-Type.
    OtherBoundary,
    /// The Content-Length of a part is not its length.
    WrongPartLength,
    /// A part has no data.
    EmptyPart,
    /// The times in X-Timestamp run backwards or jump.
    UnusablePartTimes,
}

impl Mistake {
    /// Returns what is wrong, as a sentence without its full stop.
    pub fn description(self) -> &'static str {
        match self {
            Self::WrongCseq => "A response has the CSeq of another request",
            Self::UnansweredKeepAlive => "A keep-alive request was not answered",
            Self::MissingSession => "The response to SETUP has no Session header",
            Self::HeaderWithoutColon => "A header line has no colon",
            Self::JunkBetweenMessages => "Bytes between messages or packets belong to none",
            Self::DigestWithoutQop => "A Digest challenge with SHA has no qop",
            Self::MissingSdpVersion => "The session description does not begin with v=0",
            Self::MalformedSdpLine => "A line of the session description is malformed",
            Self::RtpmapSpacing => "The parts of rtpmap are not separated by one space",
            Self::UnlistedPayloadType => "The m= line does not list the payload type of JPEG",
            Self::RedirectToItself => "The server redirects to the URL that it was asked for",
            Self::PortSpelling => "The server did not send to the port that SETUP stated",
            Self::MissingBoundary => "The Content-Type of the multipart response has no boundary",
            Self::OtherBoundary => "The parts are separated by another boundary than the one in Content-Type",
            Self::WrongPartLength => "The Content-Length of a part is not its length",
            Self::EmptyPart => "A part has no data",
            Self::UnusablePartTimes => "The times in X-Timestamp run backwards or jump",
        }
    }

    /// Returns the section that the peer does not follow.
    pub fn reference(self) -> &'static str {
        match self {
            Self::WrongCseq => "RFC 2326 §12.17",
            Self::UnansweredKeepAlive => "RFC 2326 §10.8",
            Self::MissingSession => "RFC 2326 §12.37",
            Self::HeaderWithoutColon => "RFC 2326 §4.2",
            Self::JunkBetweenMessages => "RFC 2326 §10.12",
            Self::DigestWithoutQop => "RFC 7616 §3.3",
            Self::MissingSdpVersion => "RFC 4566 §5.1",
            Self::MalformedSdpLine => "RFC 4566 §5",
            Self::RtpmapSpacing => "RFC 4566 §6",
            Self::UnlistedPayloadType => "RFC 4566 §5.14",
            Self::RedirectToItself => "RFC 2326 §10.10",
            Self::PortSpelling => "RFC 2326 §12.39",
            Self::MissingBoundary | Self::OtherBoundary | Self::EmptyPart => "RFC 2046 §5.1.1",
            Self::WrongPartLength => "RFC 9110 §8.6",
            Self::UnusablePartTimes => "no standard",
        }
    }

    /// Returns how it was read, as a sentence without its full stop.
    pub fn reading(self) -> &'static str {
        match self {
            Self::WrongCseq => "taken as the response to the only request in flight",
            Self::UnansweredKeepAlive => "the session goes on while packets arrive or OPTIONS is answered",
            Self::MissingSession => "requests are sent without a Session header",
            Self::HeaderWithoutColon | Self::MalformedSdpLine => "the line was passed over",
            Self::JunkBetweenMessages => "passed over up to the next packet or response",
            Self::DigestWithoutQop => "the response is computed without qop",
            Self::MissingSdpVersion => "read as version 0",
            Self::RtpmapSpacing => "the white space was ignored",
            Self::UnlistedPayloadType => "the payload type of rtpmap is used",
            Self::RedirectToItself => "followed, after a pause",
            Self::PortSpelling => "set up again with the port spelled in another way",
            Self::MissingBoundary | Self::OtherBoundary => "the boundary is taken from the body",
            Self::WrongPartLength => "the end of the frame is found by its markers",
            Self::EmptyPart => "passed over",
            Self::UnusablePartTimes => "frames have the time of their arrival",
        }
    }
}
