//! Encrypted connections with rustls. A certificate is accepted if the system trusts it, or if the user trusts its
//! fingerprint.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::failure::TlsFailure;
use crate::net::certificate_check::UnusableCertificate;
use crate::session::certificate::{CertificateProblem, TrustDecision, TrustedCertificates};

/// Certificates of the system; reading them takes tens of milliseconds. `None` if there are none.
static SYSTEM_VERIFIER: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();

/// Opens an encrypted connection on a connected stream. `address` is host and port, as in `trusted`.
///
/// # Errors
/// Returns a [`TlsFailure`] if the certificate is not valid for `host` and not among `trusted`, the server does not
/// speak TLS, or the connection breaks.
pub async fn connect(
    stream: TcpStream,
    host: &str,
    address: &str,
    trusted: Arc<TrustedCertificates>,
) -> Result<TlsStream<TcpStream>, TlsFailure> {
    let system = match SYSTEM_VERIFIER.get() {
        Some(system) => system.clone(),
        None => {
            tokio::task::spawn_blocking(load_system_verifier).await.map_err(|e| TlsFailure::Io(e.into()))?
        }
    };
    let name = server_name(host)
        .ok_or_else(|| TlsFailure::Handshake("no certificate can be for this host name".to_owned()))?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier {
        provider: provider.clone(),
        system,
        address: address.to_owned(),
        trusted,
        rejected: Mutex::default(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFailure::Handshake(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| verifier.take_rejected().unwrap_or_else(|| describe(error)))
}

/// Returns the name that the certificate must have and that is sent as SNI. Of an address, none is sent (RFC 6066 §3);
/// the zone of an IPv6 address has a meaning on this machine only.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
    ServerName::try_from(without_zone.to_owned()).ok()
}

fn load_system_verifier() -> Option<Arc<WebPkiServerVerifier>> {
    let load = || {
        let mut roots = RootCertStore::empty();
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            tracing::debug!(%error, "cannot read certificate of the system");
        }
        let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
        tracing::debug!(added, ignored, "certificates of the system");
        let provider = Arc::new(ring::default_provider());
        // Fails if there are no certificates; then the system trusts none.
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
    };
    SYSTEM_VERIFIER.get_or_init(load).clone()
}

/// Verifier of the certificate of one connection. The signature of the handshake, which proves that the server has the
/// key of the certificate, is checked in any case.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    system: Option<Arc<WebPkiServerVerifier>>,
    /// Host and port.
    address: String,
    trusted: Arc<TrustedCertificates>,
    /// Failure because of the certificate; the error of the handshake cannot hold it.
    rejected: Mutex<Option<TlsFailure>>,
}

impl Verifier {
    fn take_rejected(&self) -> Option<TlsFailure> {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn reject(&self, failure: TlsFailure) {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified = match &self.system {
            Some(system) => {
                system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        let Err(TlsError::InvalidCertificate(reason)) = &verified else { return verified };
        // The user is not asked to trust what the handshake then fails with.
        if let Some(reason) = UnusableCertificate::find(end_entity) {
            self.reject(TlsFailure::Unusable(reason));
            return verified;
        }
        match self.trusted.decide(&self.address, end_entity, problem(reason)) {
            TrustDecision::Trusted => Ok(ServerCertVerified::assertion()),
            TrustDecision::Rejected(rejected) => {
                self.reject(TlsFailure::Untrusted(rejected));
                verified
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn problem(reason: &CertificateError) -> CertificateProblem {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotValidYet
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName
        }
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::Revoked => CertificateProblem::Revoked,
        _ => CertificateProblem::Invalid,
    }
}

/// Finds the reason in an error of the library.
fn describe(error: io::Error) -> TlsFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidMessage(_)) => TlsFailure::NotTls,
        Some(tls_error) => TlsFailure::Handshake(format!("the TLS handshake failed: {tls_error}")),
        None => TlsFailure::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_against_a_certificate_are_told_apart() {
        for (reason, expected) in [
            (CertificateError::Expired, CertificateProblem::Expired),
            (CertificateError::NotValidYet, CertificateProblem::NotValidYet),
            (CertificateError::NotValidForName, CertificateProblem::WrongName),
            (CertificateError::UnknownIssuer, CertificateProblem::UnknownIssuer),
            (CertificateError::Revoked, CertificateProblem::Revoked),
            (CertificateError::BadEncoding, CertificateProblem::Invalid),
        ] {
            assert_eq!(problem(&reason), expected, "{reason:?}");
        }
    }
}
