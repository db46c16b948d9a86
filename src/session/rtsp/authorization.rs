//! PURE. User and password for servers that ask for them: Basic and Digest (RFC 2326 §D, RFC 2617).

use http_auth::{PasswordClient, PasswordParams};

use crate::proto::rtsp::{Response, RtspUrl, header};

/// What is known, and what the server asks for.
#[derive(Debug)]
pub struct Authorization {
    credentials: Option<Credentials>,
    /// Answers the server's last challenge.
    challenge: Option<PasswordClient>,
}

/// Without `Debug` for the password: it has no place in a log.
struct Credentials {
    user: String,
    password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// What a 401 leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeOutcome {
    /// The request may be repeated, and then carries an answer.
    Retry,
    /// User and password are not known.
    NoCredentials,
    /// The server does not take them.
    Rejected,
    /// It asks in a way that is not understood.
    UnsupportedScheme,
}

impl Authorization {
    /// What the URL holds.
    pub fn from_url(url: &RtspUrl) -> Self {
        let credentials = url
            .credentials()
            .map(|(user, password)| Credentials { user: user.to_owned(), password: password.to_owned() });
        Self { credentials, challenge: None }
    }

    /// A connection begins. Servers may have a nonce for each, and an answer to an old one looks like a wrong password.
    pub fn reset(&mut self) {
        self.challenge = None;
    }

    /// The server asks who it is. The request has been sent with so many answers already, one after the other.
    pub fn handle_challenge(&mut self, response: &Response, attempts: u32) -> ChallengeOutcome {
        let challenges: Vec<_> = response.headers.get_all(header::WWW_AUTHENTICATE).collect();
        let is_stale = challenges.iter().any(|challenge| is_stale(challenge));
        if self.credentials.is_none() {
            return ChallengeOutcome::NoCredentials;
        }
        // A nonce that has become too old is no refusal (RFC 2617 §3.2.1). One that has just been given is not too old.
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
                tracing::debug!(%error, "a challenge cannot be read");
                ChallengeOutcome::UnsupportedScheme
            }
        }
    }

    /// The value of the Authorization header of a request, if the server has asked for one.
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
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(%error, "a challenge cannot be answered");
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
        assert_eq!(authorization.value("DESCRIBE", "rtsp://h/x"), None, "nothing is said unasked");
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
            "and is not given for ever"
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
