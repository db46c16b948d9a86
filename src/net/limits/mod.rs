//! Limits that keep one client from using up a server or a proxy. Sans-I/O.
//!
//! [`Limits`] has the numbers. [`Places`] counts connections and sessions, in all and for each [`AddressGroup`];
//! [`ConnectionRate`] bounds how fast a client opens new ones;
//! [`RequestTimer`] bounds the time for a request, [`PasswordGuard`] delays the responses to wrong passwords, and
//! [`LogLimiter`] bounds the log lines of a client. All of them are given the time by their callers.

mod address_group;
mod connection_rate;
mod log_limiter;
mod password_guard;
mod places;
mod request_timer;
mod values;

pub use address_group::AddressGroup;
pub use connection_rate::{Admission, ConnectionRate, TooFast};
pub use log_limiter::LogLimiter;
pub use password_guard::PasswordGuard;
pub use places::{Full, Place, Places};
pub use request_timer::RequestTimer;
pub use values::Limits;
