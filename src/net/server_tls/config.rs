//! TLS of a server with rustls.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::error::ServerTlsError;
use crate::net::certificate_check::UnusableCertificate;

/// Certificate and private key of a server. Cheap to clone; `Debug` omits the key.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl ServerTls {
    /// Reads a certificate, with those of its issuers after it, and its private key, both in PEM.
    ///
    /// # Errors
    /// Returns a [`ServerTlsError`] if one of them is missing or malformed, or if they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, ServerTlsError> {
        let chain = read_chain(certificate)?;
        if let Some(reason) = chain.first().and_then(|certificate| UnusableCertificate::find(certificate)) {
            return Err(ServerTlsError::Certificate(format!(
                "its certificate is not supported, because {reason}"
            )));
        }
        let key = read_key(key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| match error {
                TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    ServerTlsError::Key("its key is not that of the certificate".to_owned())
                }
                TlsError::InvalidCertificate(error) => {
                    ServerTlsError::Certificate(format!("its certificate is malformed: {error}"))
                }
                error => ServerTlsError::Key(format!("its key cannot be used: {error}")),
            })?;
        Ok(Self(Arc::new(config)))
    }

    /// Performs the handshake of a connection. It has no deadline.
    ///
    /// # Errors
    /// Returns an error if the client does not speak TLS, rejects the certificate, or closes the connection.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.clone()).accept(stream).await
    }
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err(ServerTlsError::Certificate("it contains no certificate in PEM".to_owned()))
        }
        Ok(chain) => Ok(chain),
        Err(error) => Err(ServerTlsError::Certificate(format!("it is not valid PEM: {error}"))),
    }
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, ServerTlsError> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        ServerTlsError::Key(match error {
            _ if pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) => {
                "its key is encrypted, and has to be stored without a password".to_owned()
            }
            PemError::NoItemsFound => "it contains no private key in PEM".to_owned(),
            error => format!("it is not valid PEM: {error}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (own.cert.pem(), own.signing_key.serialize_pem())
    }

    #[test]
    fn certificate_and_key_must_be_readable_and_belong_together() {
        let ((certificate, key), (_, other_key)) = (pair(), pair());
        let load = |certificate: &str, key: &str| ServerTls::from_pem(certificate.as_bytes(), key.as_bytes());
        let tls = load(&certificate, &key).unwrap();
        assert_eq!(format!("{tls:?}"), "ServerTls", "the key does not reach a log");
        load(&format!("{certificate}{key}"), &format!("{certificate}{key}")).unwrap();
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for (certificate, key, is_of_key, part) in [
            ("", key.as_str(), false, "contains no certificate"),
            (key.as_str(), key.as_str(), false, "contains no certificate"),
            (&certificate, "", true, "contains no private key"),
            (&certificate, &certificate, true, "contains no private key"),
            (&certificate, &encrypted, true, "is encrypted"),
            (&certificate, &other_key, true, "is not that of the certificate"),
            (&certificate[..certificate.len() / 2], &key, false, "PEM"),
        ] {
            let error = load(certificate, key).unwrap_err();
            assert_eq!(matches!(error, ServerTlsError::Key(_)), is_of_key, "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
