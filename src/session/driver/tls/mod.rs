//! Encrypted connections (TLS). Without the feature `tls`, none can be opened.

mod failure;
#[cfg(feature = "tls")]
mod handshake;
#[cfg(not(feature = "tls"))]
mod unavailable;

pub use failure::TlsFailure;
#[cfg(feature = "tls")]
pub use handshake::connect;
#[cfg(not(feature = "tls"))]
pub use unavailable::connect;
