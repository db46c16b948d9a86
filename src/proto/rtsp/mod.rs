//! RTSP 1.0 (RFC 2326): messages, their framing on a TCP stream, and the headers that carry structure.

mod classroom_request;
mod factor;
mod list;
mod message;
mod message_reader;
mod range;
mod rtp_info;
mod session_header;
mod transport;
mod url;

pub use classroom_request::ClassroomRequest;
pub use factor::{Factor, FactorError};
pub use message::{Headers, Method, Request, Response, StatusCode, Version, header};
pub use message_reader::{
    FramingError, IncompleteMessage, Message, MessageLimits, MessageReader, encode_interleaved,
};
pub use range::{Npt, NptRange, RangeError};
pub use rtp_info::RtpInfo;
pub use session_header::SessionHeader;
pub use transport::{ChannelPair, LowerTransport, PortPair, Transport};
pub use url::{DEFAULT_PORT, RtspUrl, UrlError};
