//! Encrypted connections (TLS), with the certificates that the system trusts.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};

/// Configuration of all connections; reading the certificates of the system takes tens of milliseconds.
static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Opens an encrypted connection on a connected stream. The certificate must be valid for `host`.
///
/// # Errors
/// Returns an error whose message is part of a sentence for the user, if the certificate is not trusted or the server
/// does not speak TLS.
pub async fn connect(stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    let config = match CONFIG.get() {
        Some(config) => config.clone(),
        None => tokio::task::spawn_blocking(load_config).await.map_err(io::Error::other)?,
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other("the host is no name that a certificate can have"))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(describe)
}

fn load_config() -> Arc<ClientConfig> {
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            tracing::debug!(%error, "cannot read certificate of the system");
        }
        let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
        tracing::debug!(added, ignored, "certificates of the system");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        // The versions are those of the library, so the provider supports them.
        let builder = builder.unwrap_or_else(|_| ClientConfig::builder());
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    });
    config.clone()
}

/// Replaces the message of the library by one that says what is wrong with the certificate.
fn describe(error: io::Error) -> io::Error {
    let Some(tls_error) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return error;
    };
    let reason = match tls_error {
        TlsError::InvalidCertificate(reason) => match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; is the clock of this machine right?".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its certificate is signed by itself, or by an authority that this machine does not trust"
                    .to_owned()
            }
            CertificateError::Revoked => "its certificate was revoked".to_owned(),
            _ => "its certificate is not valid".to_owned(),
        },
        TlsError::InvalidMessage(_) => "it does not speak TLS; try http:// instead of https://".to_owned(),
        other => format!("TLS: {other}"),
    };
    io::Error::other(reason)
}
