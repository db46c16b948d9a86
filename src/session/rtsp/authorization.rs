//! PURE. User and password for servers that ask for them: Basic and Digest (RFC 2326 §D, RFC 2617).

use http_auth::{PasswordClient, PasswordParams};

use crate::proto::rtsp::{Response, RtspUrl, header};

/// What is known, and what the server asks for.
#[derive(Debug)]
pub struct Authorization {
    credentials: Option<Credentials>,
    /// Answers the server's last challenge.
    client: Option<PasswordClient>,
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
pub enum Verdict {
    /// The request may be repeated, and then carries an answer.
    Answerable,
    /// User and password are not known.
    Unknown,
    /// The server does not take them.
    Refused,
    /// It asks in a way that is not understood.
    Unreadable,
}

impl Authorization {
    /// What the URL holds.
    pub fn of(url: &RtspUrl) -> Self {
        let credentials = url
            .credentials()
            .map(|(user, password)| Credentials { user: user.to_owned(), password: password.to_owned() });
        Self { credentials, client: None }
    }

    /// A connection begins. Servers may have a nonce for each, and an answer to an old one looks like a wrong password.
    pub fn wait_for_challenge(&mut self) {
        self.client = None;
    }

    /// The server asks who it is. The request has been sent with so many answers already, one after the other.
    pub fn challenged(&mut self, response: &Response, answers: u32) -> Verdict {
        let challenges: Vec<_> = response.headers.get_all(header::WWW_AUTHENTICATE).collect();
        let is_stale = challenges.iter().any(|challenge| is_stale(challenge));
        if self.credentials.is_none() {
            return Verdict::Unknown;
        }
        // A nonce that has become too old is no refusal (RFC 2617 §3.2.1). One that has just been given is not too old.
        if answers > 1 || answers == 1 && !is_stale {
            self.client = None;
            return Verdict::Refused;
        }
        match PasswordClient::try_from(challenges.join(", ").as_str()) {
            Ok(client) => {
                self.client = Some(client);
                Verdict::Answerable
            }
            Err(error) => {
                tracing::debug!(%error, "a challenge cannot be read");
                Verdict::Unreadable
            }
        }
    }

    /// The value of the Authorization header of a request, if the server has asked for one.
    pub fn answer(&mut self, method: &str, uri: &str) -> Option<String> {
        let (client, credentials) = (self.client.as_mut()?, self.credentials.as_ref()?);
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
    use crate::proto::rtsp::Status;

    fn challenge(value: &'static str) -> Response {
        Response::new(Status::UNAUTHORIZED).with(header::WWW_AUTHENTICATE, value)
    }

    fn authorization() -> Authorization {
        Authorization::of(&RtspUrl::parse("rtsp://Mufasa:Circle%20Of%20Life@h/x").unwrap())
    }

    #[test]
    fn digest_is_answered_as_rfc_2617_computes_it() {
        let mut authorization = authorization();
        assert_eq!(authorization.answer("DESCRIBE", "rtsp://h/x"), None, "nothing is said unasked");
        let asked =
            challenge("Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"");
        assert_eq!(authorization.challenged(&asked, 0), Verdict::Answerable);
        let answer = authorization.answer("DESCRIBE", "rtsp://h/x").unwrap();
        // MD5 of MD5(user:realm:password):nonce:MD5(DESCRIBE:rtsp://h/x), computed with md5sum.
        assert!(answer.starts_with("Digest username=\"Mufasa\""), "{answer}");
        assert!(answer.contains("response=\"5b0e2e76a7487ae1fc03aa8e10f4474c\""), "{answer}");
        assert_eq!(authorization.challenged(&asked, 1), Verdict::Refused);
    }

    #[test]
    fn basic_is_answered_and_a_stale_nonce_is_no_refusal() {
        let mut authorization = authorization();
        assert_eq!(authorization.challenged(&challenge("Basic realm=\"x\""), 0), Verdict::Answerable);
        let answer = authorization.answer("PLAY", "rtsp://h/x").unwrap();
        assert_eq!(answer, "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl");
        let stale = challenge("Digest realm=\"x\", nonce=\"n2\", stale=TRUE");
        assert_eq!(authorization.challenged(&stale, 1), Verdict::Answerable);
        assert_eq!(authorization.challenged(&stale, 2), Verdict::Refused, "and is not given for ever");
    }

    #[test]
    fn without_a_password_or_a_challenge_there_is_no_answer() {
        let mut nobody = Authorization::of(&RtspUrl::parse("rtsp://h/x").unwrap());
        assert_eq!(nobody.challenged(&challenge("Basic realm=\"x\""), 0), Verdict::Unknown);
        assert_eq!(authorization().challenged(&challenge(""), 0), Verdict::Unreadable);
    }
}
