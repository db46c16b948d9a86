//! Requests that need no session: routing, OPTIONS, DESCRIBE, and refusals. Sans-I/O.
//!
//! [`dispatch()`] validates a request and determines its handler; [`finalize_response`] adds the headers that every
//! response carries.
//!
//! ```
//! use reelay::proto::rtsp::{Method, Request, header};
//! use reelay::server_embed::handlers::{self, Dispatch};
//!
//! let request = Request::new(Method::Options, "*").with_header(header::CSEQ, "1");
//! let Dispatch::Respond(response) = handlers::dispatch(&request) else { panic!("OPTIONS needs no session") };
//! let response = handlers::finalize_response(response, &request);
//! assert_eq!(response.headers.get(header::CSEQ), Some("1"));
//! assert_eq!(response.headers.get(header::PUBLIC), Some(handlers::METHODS));
//! ```

mod describe;
mod dispatch;
mod resource;
mod response;
mod url_parameters;

pub use describe::describe;
pub use dispatch::{Dispatch, METHODS, dispatch};
pub use resource::{Resource, TRACK_CONTROL};
pub use response::{
    CONNECTION_CLOSE, add_common_headers, finalize_response, media_not_found, session_not_found, wants_close,
};
pub use url_parameters::{asks_for_repair, asks_for_restarts, parity_layout};
