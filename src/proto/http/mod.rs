//! HTTP/1.1 (RFC 9110, RFC 9112) as a client reads it: URLs, heads of responses, transfer coding and media types.
//!
//! [`HeadReader`] collects the head of a response, and [`BodyReader`] removes the transfer coding from what follows it.
//! httparse parses the head; the chunked coding is our own, because the library only parses the sizes of chunks.

mod body;
mod head;
mod media_type;
mod retry_after;
mod url;

pub use self::url::{HttpUrl, HttpUrlError, RedirectError, redact_query};
pub use body::{BodyError, BodyReader};
pub use head::{HeadError, HeadReader, ResponseHead};
pub use media_type::MediaType;
pub use retry_after::retry_after;
