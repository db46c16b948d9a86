//! Requests that need no session: routing, OPTIONS, DESCRIBE, and refusals. Sans-I/O.
//!
//! [`dispatch()`] checks a request and says who handles it; [`finalize_response`] adds the headers that every response
//! carries.

mod describe;
mod dispatch;
mod resource;
mod response;

pub use describe::describe;
pub use dispatch::{Dispatch, METHODS, dispatch};
pub use resource::{Resource, TRACK_CONTROL};
pub use response::{
    CONNECTION_CLOSE, SERVER_NAME, add_common_headers, finalize_response, media_not_found, session_not_found,
    wants_close,
};
