//! Failure of a command.

use thiserror::Error;

use crate::session::SessionError;

/// Failure of a command: one sentence that says what went wrong and what to try.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CommandError(String);

impl CommandError {
    /// Creates an error with this sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Creates the error of a session. Of a certificate that is not trusted, it states the option that trusts it.
    pub fn of_session(error: &SessionError) -> Self {
        match error {
            SessionError::UntrustedCertificate(certificate) => Self(format!(
                "{certificate}; if it is the right one, add --tls-fingerprint {} to trust it.",
                certificate.fingerprint
            )),
            _ => Self(error.to_string()),
        }
    }
}
