//! Reasons why a connection could not be encrypted.

use std::io;

use crate::net::certificate_check::UnusableCertificate;
use crate::session::certificate::UntrustedCertificate;

/// Reason why a connection could not be encrypted.
#[derive(Debug)]
#[cfg_attr(not(feature = "tls"), expect(dead_code))]
pub enum TlsFailure {
    /// The certificate is not trusted. Nothing but the handshake was sent.
    Untrusted(Box<UntrustedCertificate>),
    /// The certificate cannot be used, even if it is trusted. Nothing but the handshake was sent.
    Unusable(UnusableCertificate),
    /// The server does not speak TLS.
    NotTls,
    /// The handshake failed; holds the reason as part of a sentence.
    Handshake(String),
    /// The connection broke.
    Io(io::Error),
}
