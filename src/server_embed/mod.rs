//! The embedded server: films in, RTSP and RTP out.
//!
//! Pure parts decide (`desk`, `agreement`, `session`, `stream`, `pacer`, `facts`), the others carry: a task for each
//! connection, a task for each session, a thread for each index that grows.

mod agreement;
mod connection;
mod context;
mod desk;
mod event;
mod facts;
mod film;
mod frames;
mod identity;
mod library;
mod listener;
mod pacer;
mod route;
mod sender;
mod session;
mod sessions;
mod stream;

pub use event::{Observer, ServerEvent};
pub use facts::FilmFacts;
pub use film::{Film, FilmError, Progress};
pub use frames::DEFAULT_CAPACITY;
pub use library::Library;
pub use listener::{Server, ServerOptions};
