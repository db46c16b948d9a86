//! TLS of a server: its certificate and key, and the handshake of a connection. Without the feature `tls`, no
//! certificate can be used.

#[cfg(feature = "tls")]
mod config;
mod error;
#[cfg(not(feature = "tls"))]
mod unavailable;

#[cfg(feature = "tls")]
pub use config::ServerTls;
pub use error::ServerTlsError;
#[cfg(not(feature = "tls"))]
pub use unavailable::ServerTls;
