//! RTSP 1.0 (RFC 2326): messages, their framing on a TCP stream, and the headers that carry structure.

mod classroom_request;
mod factor;
mod framer;
mod list;
mod message;
mod range;
mod rtp_info;
mod session;
mod transport;
mod url;

pub use classroom_request::ClassroomRequest;
pub use factor::{Factor, FactorError};
pub use framer::{Frame, Framer, FramingError, Limits, Unfinished, interleave};
pub use message::{Headers, Method, Request, Response, Status, Version, header};
pub use range::{Npt, NptRange, RangeError};
pub use rtp_info::RtpInfo;
pub use session::SessionHeader;
pub use transport::{ChannelPair, Lower, PortPair, Transport};
pub use url::{DEFAULT_PORT, RtspUrl, UrlError};
