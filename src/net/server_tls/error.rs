//! Errors of certificates and keys.

use thiserror::Error;

/// Reason why a certificate and a key cannot be used. The text continues a sentence about the file that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerTlsError {
    /// Problem of the file with the certificate.
    #[error("{0}")]
    Certificate(String),
    /// Problem of the file with the key.
    #[error("{0}")]
    Key(String),
}
