//! Check whether the TLS library can use a certificate at all. Sans-I/O.

use std::fmt;

use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

/// Reason why a certificate cannot be used even if it is trusted. The text continues "its certificate is not supported,
/// because".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableCertificate {
    /// A version of X.509 other than 3, the only one that TLS 1.3 allows (RFC 8446 §4.4.2.2).
    Version,
    /// An RSA key with this many bits, which are fewer than 2,048.
    ShortRsaKey(usize),
}

/// Minimum length of RSA keys, in bits: the signatures of shorter ones are not verified.
const MIN_RSA_BITS: usize = 2_048;

impl UnusableCertificate {
    /// Returns the reason why a certificate in DER cannot be used; `None` if there is none, or if it cannot be parsed.
    pub fn find(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        if certificate.version() != X509Version::V3 {
            return Some(Self::Version);
        }
        match certificate.public_key().parsed() {
            // The modulus is encoded with a leading 0 if its highest bit is set.
            Ok(PublicKey::RSA(key)) => {
                let first = key.modulus.iter().position(|byte| *byte != 0)?;
                let bits = (key.modulus.len() - first) * 8 - key.modulus[first].leading_zeros() as usize;
                (bits < MIN_RSA_BITS).then_some(Self::ShortRsaKey(bits))
            }
            _ => None,
        }
    }
}

impl fmt::Display for UnusableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("it is of an X.509 version before 3"),
            Self::ShortRsaKey(bits) => {
                write!(f, "its RSA key has {bits} bits and not at least {MIN_RSA_BITS}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_than_a_certificate_are_left_to_the_library() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let der = own.cert.der();
        assert_eq!(UnusableCertificate::find(der), None);
        for length in 0..der.len() {
            assert_eq!(UnusableCertificate::find(&der[..length]), None, "{length} bytes");
        }
        for at in 0..der.len() {
            let mut damaged = der.to_vec();
            damaged[at] ^= 0x55;
            // Whatever is read, nothing panics.
            let _ = UnusableCertificate::find(&damaged);
        }
    }
}
