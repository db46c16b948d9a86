//! Certificates of servers that the system does not vouch for, and the fingerprints that the user trusts. Sans-I/O.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// SHA-256 of a certificate in DER, which identifies it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Self::LENGTH]);

/// Reason why a text is not a [`Fingerprint`], as part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 fingerprint is 64 hexadecimal digits, with or without colons")]
pub struct ParseFingerprintError;

/// Certificate that the user trusts at one server, whatever the system says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedCertificate {
    /// Host and port as in a URL; an IPv6 address in brackets.
    pub address: String,
    /// Fingerprint of the certificate.
    pub fingerprint: Fingerprint,
}

/// Certificates that the user trusts although the system does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedCertificates {
    /// Certificates that are trusted at one server each.
    pub at_servers: Vec<TrustedCertificate>,
    /// Certificate that is trusted at every server, also after a redirect; `None` if there is none.
    pub anywhere: Option<Fingerprint>,
}

/// Reason why the system does not vouch for a certificate. The text continues "its certificate".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Self-signed certificate, as most cameras have.
    #[error("is self-signed, so that no authority vouches for it")]
    SelfSigned,
    /// Certificate of an authority that the system does not trust.
    #[error("is signed by an authority that this machine does not trust")]
    UnknownIssuer,
    /// Certificate for another host than that in the URL.
    #[error("is for another name")]
    WrongName,
    /// Certificate whose validity has ended.
    #[error("has expired")]
    Expired,
    /// Certificate whose validity begins in the future.
    #[error("is not valid yet, unless the clock of this machine is wrong")]
    NotValidYet,
    /// Certificate that its issuer has revoked.
    #[error("was revoked")]
    Revoked,
    /// Malformed certificate, or one for another purpose.
    #[error("is not valid")]
    Invalid,
}

/// Certificate that was not accepted. Nothing but the handshake was sent on its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedCertificate {
    /// Host and port of the server; an IPv6 address in brackets.
    pub address: String,
    /// Reason why the system does not vouch for it.
    pub problem: CertificateProblem,
    /// Fingerprint with which it can be trusted.
    pub fingerprint: Fingerprint,
    /// True if the user trusts another certificate of this server, which has been replaced.
    pub is_changed: bool,
    /// Contents; `None` if they cannot be read.
    pub details: Option<CertificateDetails>,
}

/// Contents of a certificate, as text for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDetails {
    /// Name of the owner, like `CN=camera, O=Example`; may be empty.
    pub subject: String,
    /// Name of the authority that signed it; the same as `subject` if it is self-signed.
    pub issuer: String,
    /// First day of validity in UTC, like `2026-01-31`.
    pub valid_from: String,
    /// Last day of validity in UTC.
    pub valid_until: String,
}

/// Maximum number of characters of a name in a certificate that are shown.
const MAX_NAME_LENGTH: usize = 120;

impl Fingerprint {
    /// Number of bytes.
    const LENGTH: usize = 32;

    /// Computes the fingerprint of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Returns the digits in two lines of 16 bytes, for a narrow window.
    pub fn in_two_lines(&self) -> String {
        let (first, second) = self.0.split_at(Self::LENGTH / 2);
        format!("{}\n{}", hex(first), hex(second))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

impl fmt::Display for Fingerprint {
    /// Writes upper-case digits with colons, as `openssl x509 -fingerprint -sha256` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Parses 64 digits in upper or lower case, with a colon between all bytes or none.
    fn from_str(text: &str) -> Result<Self, ParseFingerprintError> {
        let text = text.trim();
        let separator = if text.contains(':') { 3 } else { 2 };
        let expected_length = Self::LENGTH * separator - (separator - 2);
        if !text.is_ascii() || text.len() != expected_length {
            return Err(ParseFingerprintError);
        }
        let mut bytes = [0; Self::LENGTH];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(separator)) {
            let (digits, rest) = digits.split_at(2);
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.contains(['+', '-']));
            let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            *byte = value.filter(|_| matches!(rest, b"" | b":")).ok_or(ParseFingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

/// Decision about a certificate for which the system does not vouch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustDecision {
    /// The user trusts exactly this certificate at this server.
    Trusted,
    /// The user has not been asked, or trusts another one.
    Rejected(Box<UntrustedCertificate>),
}

impl TrustedCertificates {
    /// Returns that only this certificate is trusted, at every server; with `None`, no certificate is.
    pub fn anywhere(fingerprint: Option<Fingerprint>) -> Self {
        Self { at_servers: Vec::new(), anywhere: fingerprint }
    }

    /// Decides about a certificate in DER for which the system does not vouch, because of `problem`. `address` is host
    /// and port of its server.
    pub fn decide(&self, address: &str, der: &[u8], problem: CertificateProblem) -> TrustDecision {
        let fingerprint = Fingerprint::of(der);
        let of_server = self.at_servers.iter().filter(|known| known.address.eq_ignore_ascii_case(address));
        let known: Vec<_> = of_server.map(|known| known.fingerprint).chain(self.anywhere).collect();
        if known.contains(&fingerprint) {
            return TrustDecision::Trusted;
        }
        let (address, is_changed) = (address.to_owned(), !known.is_empty());
        let details = CertificateDetails::parse(der);
        let problem = match problem {
            // Certificates that are signed by themselves are mostly marked as those of an authority, too, which is
            // invalid for a server.
            CertificateProblem::UnknownIssuer | CertificateProblem::Invalid
                if details.as_ref().is_some_and(CertificateDetails::is_self_signed) =>
            {
                CertificateProblem::SelfSigned
            }
            other => other,
        };
        let rejected = UntrustedCertificate { address, problem, fingerprint, is_changed, details };
        TrustDecision::Rejected(Box::new(rejected))
    }
}

impl CertificateDetails {
    /// Reads a certificate in DER; `None` if it is malformed.
    fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            subject: clip(&certificate.subject().to_string()),
            issuer: clip(&certificate.issuer().to_string()),
            valid_from: validity.not_before.to_datetime().date().to_string(),
            valid_until: validity.not_after.to_datetime().date().to_string(),
        })
    }

    /// Returns true if owner and issuer have the same name.
    pub fn is_self_signed(&self) -> bool {
        !self.subject.is_empty() && self.subject == self.issuer
    }
}

/// Returns the beginning of a name without control characters.
fn clip(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_LENGTH).collect()
}

impl fmt::Display for UntrustedCertificate {
    /// Writes what is wrong, as the beginning of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, problem, .. } = self;
        match self.is_changed {
            true => write!(
                f,
                "{address} cannot be trusted: its certificate has changed since you trusted it, and the new one {problem}"
            ),
            false => write!(f, "{address} cannot be trusted: its certificate {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_signed(name: &str) -> Vec<u8> {
        rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap().cert.der().to_vec()
    }

    fn trusted(address: &str, der: &[u8]) -> TrustedCertificate {
        TrustedCertificate { address: address.to_owned(), fingerprint: Fingerprint::of(der) }
    }

    #[test]
    fn fingerprint_is_read_with_and_without_colons() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = fingerprint.to_string();
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert!(text.starts_with("BA:78:16:BF:8F:01:CF:EA:41:41:40:DE") && text.len() == 95, "{text}");
        assert_eq!(fingerprint.in_two_lines().replace('\n', ":"), text);
        let plain = text.replace(':', "");
        for spelling in
            [text.clone(), text.to_lowercase(), plain.clone(), format!(" {}\n", plain.to_lowercase())]
        {
            assert_eq!(spelling.parse(), Ok(fingerprint), "{spelling}");
        }
        for wrong in [
            "",
            "BA",
            &plain[1..],
            &text[..94],
            &text.replacen(':', "-", 1),
            &plain.replacen("BA", "+A", 1),
            &plain.replacen("BA", "é", 1),
        ] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(ParseFingerprintError), "{wrong}");
        }
    }

    #[test]
    fn only_the_trusted_certificate_of_the_same_server_is_accepted() {
        let (own, other) = (self_signed("camera"), self_signed("camera"));
        let at_servers = vec![trusted("camera:322", &own), trusted("[::1]:322", &other)];
        let known = TrustedCertificates { at_servers, anywhere: None };
        let decide =
            |address: &str, der: &[u8]| known.decide(address, der, CertificateProblem::UnknownIssuer);
        assert_eq!(decide("CAMERA:322", &own), TrustDecision::Trusted);
        for (address, der, is_changed) in
            [("camera:322", &other, true), ("camera:8554", &own, false), ("elsewhere:322", &own, false)]
        {
            let TrustDecision::Rejected(rejected) = decide(address, der) else {
                panic!("{address} is trusted")
            };
            assert_eq!((rejected.is_changed, rejected.fingerprint), (is_changed, Fingerprint::of(der)));
            assert_eq!(rejected.to_string().contains("has changed"), is_changed, "{rejected}");
        }
    }

    #[test]
    fn fingerprint_of_the_command_line_holds_for_every_server() {
        let (own, other) = (self_signed("camera"), self_signed("camera"));
        let known = TrustedCertificates { at_servers: Vec::new(), anywhere: Some(Fingerprint::of(&own)) };
        for address in ["camera:322", "elsewhere:8554"] {
            let decide = |der: &[u8]| known.decide(address, der, CertificateProblem::WrongName);
            assert_eq!(decide(&own), TrustDecision::Trusted);
            let TrustDecision::Rejected(rejected) = decide(&other) else { panic!("{address}") };
            assert_eq!((rejected.is_changed, rejected.problem), (true, CertificateProblem::WrongName));
        }
    }

    #[test]
    fn details_are_read_from_the_certificate_and_damaged_ones_do_no_harm() {
        let der = self_signed("camera");
        let details = CertificateDetails::parse(&der).unwrap();
        assert_eq!(details.subject, "CN=rcgen self signed cert");
        assert_eq!(details.issuer, details.subject);
        assert_eq!((details.valid_from.as_str(), details.valid_until.as_str()), ("1975-01-01", "4096-01-01"));
        for length in 0..der.len() {
            assert_eq!(CertificateDetails::parse(&der[..length]), None, "{length}");
        }
        for at in 0..der.len() {
            let mut damaged = der.clone();
            damaged[at] ^= 0x55;
            // Whatever is read, nothing panics.
            let _ = CertificateDetails::parse(&damaged);
        }
        assert_eq!(clip(&format!("a\u{1b}[2J{}", "b".repeat(500))).len(), MAX_NAME_LENGTH);
    }
}
