//! Encrypted connections in a build without the feature `tls`.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::failure::TlsFailure;
use crate::session::certificate::TrustedCertificates;

/// Refuses to open an encrypted connection.
///
/// # Errors
/// Always returns [`TlsFailure::Handshake`]: this build has no TLS.
pub async fn connect(
    _stream: TcpStream,
    _host: &str,
    _address: &str,
    _trusted: Arc<TrustedCertificates>,
) -> Result<TcpStream, TlsFailure> {
    Err(TlsFailure::Handshake("this program was built without TLS".to_owned()))
}
