//! Basic and Digest authentication (RFC 2326 §D, RFC 2617). Sans-I/O.

use http_auth::{PasswordClient, PasswordParams};

use crate::proto::rtsp::{Response, RtspUrl, header};

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
    /// Uses the credentials of a URL, if it has any.
    pub fn from_url(url: &RtspUrl) -> Self {
        let credentials = url
            .credentials()
            .map(|(user, password)| Credentials { user: user.to_owned(), password: password.to_owned() });
        Self { credentials, challenge: None }
    }

    /// Discards the challenge, for a new connection. A server may use one nonce per connection, and a response to an
    /// old nonce looks like a wrong password.
    pub fn reset(&mut self) {
        self.challenge = None;
    }

    /// Handles a response with status 401. `attempts` is the number of times that the request has been sent with an
    /// Authorization header.
    pub fn handle_challenge(&mut self, response: &Response, attempts: u32) -> ChallengeOutcome {
        let challenges: Vec<_> = response.headers.get_all(header::WWW_AUTHENTICATE).collect();
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

    /// Returns the value of the Authorization header for a request; `None` unless the server has sent a challenge.
    pub fn value(&mut self, method: &str, uri: &str) -> Option<String> {
        let (client, credentials) = (self.challenge.as_mut()?, self.credentials.as_ref()?);
        let parameters = PasswordParams {
            username: &credentials.user,
            password: &credentials.password,
            uri,
            method,
            body: Some(&[]),
        };
        match client.respond(&parameters) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::debug!(%error, "cannot respond to authentication challenge");
                None
            }
        }
    }
}

fn is_stale(challenge: &str) -> bool {
    let lower = challenge.to_ascii_lowercase();
    lower.split("stale=").nth(1).is_some_and(|rest| rest.trim_start_matches('"').starts_with("true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::StatusCode;

    fn challenge(value: &'static str) -> Response {
        Response::new(StatusCode::UNAUTHORIZED).with_header(header::WWW_AUTHENTICATE, value)
    }

    fn authorization() -> Authorization {
        Authorization::from_url(&RtspUrl::parse("rtsp://Mufasa:Circle%20Of%20Life@h/x").unwrap())
    }

    #[test]
    fn digest_matches_rfc_2617() {
        let mut authorization = authorization();
        assert_eq!(authorization.value("DESCRIBE", "rtsp://h/x"), None, "there is no challenge yet");
        let challenge =
            challenge("Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"");
        assert_eq!(authorization.handle_challenge(&challenge, 0), ChallengeOutcome::Retry);
        let value = authorization.value("DESCRIBE", "rtsp://h/x").unwrap();
        // MD5 of MD5(user:realm:password):nonce:MD5(DESCRIBE:rtsp://h/x), computed with md5sum.
        assert!(value.starts_with("Digest username=\"Mufasa\""), "{value}");
        assert!(value.contains("response=\"5b0e2e76a7487ae1fc03aa8e10f4474c\""), "{value}");
        assert_eq!(authorization.handle_challenge(&challenge, 1), ChallengeOutcome::Rejected);
    }

    #[test]
    fn basic_is_sent_and_stale_nonce_is_retried_once() {
        let mut authorization = authorization();
        assert_eq!(
            authorization.handle_challenge(&challenge("Basic realm=\"x\""), 0),
            ChallengeOutcome::Retry
        );
        let value = authorization.value("PLAY", "rtsp://h/x").unwrap();
        assert_eq!(value, "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl");
        let stale = challenge("Digest realm=\"x\", nonce=\"n2\", stale=TRUE");
        assert_eq!(authorization.handle_challenge(&stale, 1), ChallengeOutcome::Retry);
        assert_eq!(
            authorization.handle_challenge(&stale, 2),
            ChallengeOutcome::Rejected,
            "a new nonce cannot be stale"
        );
    }

    #[test]
    fn missing_credentials_and_unknown_schemes_are_reported() {
        let mut without_credentials = Authorization::from_url(&RtspUrl::parse("rtsp://h/x").unwrap());
        assert_eq!(
            without_credentials.handle_challenge(&challenge("Basic realm=\"x\""), 0),
            ChallengeOutcome::NoCredentials
        );
        assert_eq!(authorization().handle_challenge(&challenge(""), 0), ChallengeOutcome::UnsupportedScheme);
    }
}
