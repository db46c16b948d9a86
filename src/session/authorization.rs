//! Basic and Digest authentication (RFC 2326 §D, RFC 2617, RFC 7616), for RTSP and HTTP. Sans-I/O.
//!
//! http-auth parses the challenges and computes the hashes. What it lacks is added here: `auth` before `auth-int`, the
//! hash of the body for `auth-int`, and `algorithm` in a response without qop.

use http_auth::digest::{Algorithm, Qop};
use http_auth::{DigestClient, PasswordClient, PasswordParams};

/// Credentials of the user, and the last challenge of the server.
#[derive(Debug)]
pub struct Authorization {
    credentials: Option<Credentials>,
    /// Client that responds to the last challenge; `None` before the first one on a connection.
    challenge: Option<PasswordClient>,
}

/// User and password. `Debug` omits the password, to keep it out of logs.
struct Credentials {
    user: String,
    password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// Result of a challenge (status 401).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeOutcome {
    /// The request is to be repeated with an Authorization header.
    Retry,
    /// No user and password were given.
    NoCredentials,
    /// The server rejected the user and password.
    Rejected,
    /// The challenge uses a scheme that is not supported, or cannot be parsed.
    UnsupportedScheme,
}

impl Authorization {
    /// Uses the user and password of a URL, if it has any.
    pub fn new(credentials: Option<(&str, &str)>) -> Self {
        let credentials = credentials
            .map(|(user, password)| Credentials { user: user.to_owned(), password: password.to_owned() });
        Self { credentials, challenge: None }
    }

    /// Returns true if there are a user and a password.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Discards the challenge, for a new connection. A server may use one nonce per connection, and a response to an
    /// old nonce looks like a wrong password.
    pub fn reset(&mut self) {
        self.challenge = None;
    }

    /// Handles a response with status 401, whose WWW-Authenticate headers are `challenges`. `attempts` is the number of
    /// times that the request has been sent with an Authorization header.
    pub fn handle_challenge(&mut self, challenges: &[&str], attempts: u32) -> ChallengeOutcome {
        let is_stale = challenges.iter().any(|challenge| is_stale(challenge));
        if self.credentials.is_none() {
            return ChallengeOutcome::NoCredentials;
        }
        // A stale nonce is not a rejection (RFC 2617 §3.2.1). But the second attempt used a new nonce, so a server that
        // calls it stale rejects the credentials.
        if attempts > 1 || attempts == 1 && !is_stale {
            self.challenge = None;
            return ChallengeOutcome::Rejected;
        }
        match PasswordClient::try_from(challenges.join(", ").as_str()) {
            Ok(client) => {
                self.challenge = Some(client);
                ChallengeOutcome::Retry
            }
            Err(error) => {
                tracing::debug!(%error, "cannot parse authentication challenge");
                ChallengeOutcome::UnsupportedScheme
            }
        }
    }

    /// Returns true if the last challenge is a Digest with SHA and without qop.
    pub fn lacks_qop(&self) -> bool {
        matches!(&self.challenge, Some(PasswordClient::Digest(client))
            if client.rfc2069_compat() && client.algorithm() != Algorithm::Md5)
    }

    /// Returns the value of the Authorization header for a request; `None` unless the server has sent a challenge.
    pub fn value(&mut self, method: &str, uri: &str) -> Option<String> {
        let (client, credentials) = (self.challenge.as_mut()?, self.credentials.as_ref()?);
        let mut parameters = PasswordParams {
            username: &credentials.user,
            password: &credentials.password,
            uri,
            method,
            body: None,
        };
        let response = match client {
            PasswordClient::Digest(client) => {
                parameters.body = body_hash(client);
                client.respond(&parameters).map(|value| with_algorithm(client, value))
            }
            client => client.respond(&parameters),
        };
        match response {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::debug!(%error, "cannot respond to authentication challenge");
                None
            }
        }
    }
}

/// Returns what http-auth is to hash in place of the body; `None` for `auth`, which is preferred.
///
/// For `auth-int`, A2 ends with H(entity-body) (RFC 7616 §3.4.3), where http-auth puts the body itself. All requests
/// have an empty body, so its hash is a constant.
fn body_hash(client: &DigestClient) -> Option<&'static [u8]> {
    if client.qop() & Qop::Auth {
        return None;
    }
    match client.algorithm() {
        Algorithm::Md5 => Some(b"d41d8cd98f00b204e9800998ecf8427e"),
        Algorithm::Sha256 => Some(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        Algorithm::Sha512Trunc256 => {
            Some(b"c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a")
        }
        _ => None,
    }
}

/// Adds the algorithm to a response without qop, which http-auth writes as RFC 2069 does: without it, a server takes
/// the response for MD5 (RFC 7616 §3.4).
fn with_algorithm(client: &DigestClient, value: String) -> String {
    let name = match client.algorithm() {
        _ if !client.rfc2069_compat() => return value,
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512Trunc256 => "SHA-512-256",
        _ => return value,
    };
    let session = if client.session() { "-sess" } else { "" };
    format!("{value}, algorithm={name}{session}")
}

fn is_stale(challenge: &str) -> bool {
    let lower = challenge.to_ascii_lowercase();
    lower.split("stale=").nth(1).is_some_and(|rest| rest.trim_start_matches('"').starts_with("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization() -> Authorization {
        Authorization::new(Some(("Mufasa", "Circle Of Life")))
    }

    #[test]
    fn digest_matches_rfc_2617() {
        let mut authorization = authorization();
        assert_eq!(authorization.value("DESCRIBE", "rtsp://h/x"), None, "there is no challenge yet");
        let challenge = ["Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\""];
        assert_eq!(authorization.handle_challenge(&challenge, 0), ChallengeOutcome::Retry);
        let value = authorization.value("DESCRIBE", "rtsp://h/x").unwrap();
        // MD5 of MD5(user:realm:password):nonce:MD5(DESCRIBE:rtsp://h/x), computed with md5sum.
        assert!(value.starts_with("Digest username=\"Mufasa\""), "{value}");
        assert!(value.contains("response=\"5b0e2e76a7487ae1fc03aa8e10f4474c\""), "{value}");
        assert_eq!(authorization.handle_challenge(&challenge, 1), ChallengeOutcome::Rejected);
    }

    #[test]
    fn password_is_not_in_debug_output() {
        let shown = format!("{:?}", authorization());
        assert!(shown.contains("Mufasa") && !shown.contains("Circle"), "{shown}");
    }

    /// Challenge of RFC 7616 §3.9.1 with this algorithm and qop, and the response to it with the cnonce given there.
    fn digest_response(algorithm: &str, qop: &str) -> String {
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\"{qop}, algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\""
        );
        let Ok(PasswordClient::Digest(mut client)) = PasswordClient::try_from(challenge.as_str()) else {
            panic!("{challenge}")
        };
        let parameters = PasswordParams {
            username: "Mufasa",
            password: "Circle of Life",
            uri: "/dir/index.html",
            method: "GET",
            body: body_hash(&client),
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let value = client.respond_with_testing_cnonce(&parameters, cnonce).unwrap();
        with_algorithm(&client, value)
    }

    /// The responses to `auth` with MD5 and SHA-256 are those of RFC 7616 §3.9.1; the others were computed with
    /// Python's hashlib from the same values.
    #[test]
    fn digest_with_every_qop_and_algorithm_matches_rfc_7616() {
        let auth = ", qop=\"auth, auth-int\"";
        let auth_int = ", qop=\"auth-int\"";
        for (algorithm, qop, response) in [
            ("MD5", auth, "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", auth, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            ("SHA-512-256", auth, "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0"),
            ("MD5", auth_int, "8804a53d3640a40a4f73cea12c5ba451"),
            ("SHA-256", auth_int, "8bdf6f15638e260831e905028de5450562816d093c9bfc5c13d3a46adcdde940"),
            ("SHA-512-256", auth_int, "38244c4d345d09bb0000b355be27d2a55003ee188df9821c54df70a63aa0c1ca"),
            ("MD5", "", "7b2cc3b30e75b4777ea31027084363fd"),
            ("SHA-256", "", "a1306b0595a6c7fe96c448631fb5cfbd5107bd1fe1da729d978dd7446b812363"),
            ("SHA-512-256", "", "93e9122020ea0624d2ca801426d5bfbeb93d10ff4cc24cb410af3920fa4730e7"),
        ] {
            let value = digest_response(algorithm, qop);
            assert!(value.contains(&format!("response=\"{response}\"")), "{algorithm}{qop}: {value}");
            let stated = match qop {
                "" => "",
                _ if qop == auth => "qop=auth,",
                _ => "qop=auth-int,",
            };
            assert!(value.contains(stated) && value.contains("qop=") != qop.is_empty(), "{value}");
            // RFC 2069 has no algorithm, and old cameras that use MD5 know no other.
            let is_stated = value.matches(&format!("algorithm={algorithm}")).count() == 1;
            assert_eq!(is_stated, !(algorithm == "MD5" && qop.is_empty()), "{value}");
        }
    }

    #[test]
    fn sha_without_qop_beside_md5_is_answered_and_noted() {
        let mut authorization = authorization();
        let both = [
            "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-256, Digest realm=\"x\", nonce=\"n\", algorithm=MD5",
        ];
        assert_eq!(authorization.handle_challenge(&both, 0), ChallengeOutcome::Retry);
        assert!(authorization.lacks_qop());
        let value = authorization.value("DESCRIBE", "rtsp://h/x").unwrap();
        assert!(value.ends_with(", algorithm=SHA-256"), "{value}");
        let md5 = ["Digest realm=\"x\", nonce=\"n\""];
        assert_eq!(authorization.handle_challenge(&md5, 0), ChallengeOutcome::Retry);
        assert!(!authorization.lacks_qop(), "RFC 2069 has no qop");
    }

    #[test]
    fn basic_is_sent_and_stale_nonce_is_retried_once() {
        let mut authorization = authorization();
        assert_eq!(authorization.handle_challenge(&["Basic realm=\"x\""], 0), ChallengeOutcome::Retry);
        let value = authorization.value("PLAY", "rtsp://h/x").unwrap();
        assert_eq!(value, "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl");
        let stale = ["Digest realm=\"x\", nonce=\"n2\", stale=TRUE"];
        assert_eq!(authorization.handle_challenge(&stale, 1), ChallengeOutcome::Retry);
        assert_eq!(
            authorization.handle_challenge(&stale, 2),
            ChallengeOutcome::Rejected,
            "a new nonce cannot be stale"
        );
    }

    #[test]
    fn missing_credentials_and_unknown_schemes_are_reported() {
        let mut without_credentials = Authorization::new(None);
        assert_eq!(
            without_credentials.handle_challenge(&["Basic realm=\"x\""], 0),
            ChallengeOutcome::NoCredentials
        );
        assert_eq!(authorization().handle_challenge(&[""], 0), ChallengeOutcome::UnsupportedScheme);
    }
}
