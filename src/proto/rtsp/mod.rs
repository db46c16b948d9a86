//! RTSP 1.0 (RFC 2326): messages, their framing on a TCP stream, and the structured headers.
//!
//! [`MessageReader`] splits a stream into [`Message`]s, within the bounds of [`MessageLimits`]; [`Request::encode`],
//! [`Response::encode`] and [`encode_interleaved`] produce the bytes to send.
//!
//! ```
//! use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, Method};
//!
//! let mut reader = MessageReader::new(MessageLimits::SERVER);
//! reader.push(b"DESCRIBE rtsp://127.0.0.1/movie.mjpeg RTSP/1.0\r\nCSe");
//! assert_eq!(reader.poll_message(), Ok(None));
//!
//! reader.push(b"q: 2\r\n\r\n");
//! let Ok(Some(Message::Request(request))) = reader.poll_message() else { panic!("a complete request") };
//! assert_eq!(request.method, Method::Describe);
//! assert_eq!(request.headers.cseq(), Some(2));
//! ```

mod classroom_request;
mod factor;
mod list;
mod message;
mod message_reader;
mod range;
mod resync;
mod rtp_info;
mod session_header;
mod transport;
mod url;

pub use classroom_request::ClassroomRequest;
pub use factor::{Factor, FactorError};
pub use message::{Headers, Method, Request, Response, StatusCode, Version, header};
pub use message_reader::{
    FramingError, INTERLEAVED_PREFIX_LENGTH, IncompleteMessage, Message, MessageLimits, MessageReader,
    encode_interleaved, interleaved_prefix,
};
pub use range::{Npt, NptRange, RangeError};
pub use rtp_info::RtpInfo;
pub use session_header::SessionHeader;
pub use transport::{ChannelPair, LowerTransport, PortPair, Transport};
pub use url::{DEFAULT_PORT, DEFAULT_TLS_PORT, RtspUrl, UrlError, encode_whitespace};
