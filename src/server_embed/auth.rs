//! PURE. Who may play: Basic and Digest authentication (RFC 2326 §D.1.2, RFC 2617).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};

use crate::proto::rtsp::{Method, Request, Response, StatusCode, header};

/// What this server calls itself when it asks who is there.
const REALM: &str = "Reelay";

/// One user and the password that goes with the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticator {
    user: String,
    password: String,
}

impl std::fmt::Debug for Authenticator {
    /// A password has no place in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({})", self.user)
    }
}

impl Authenticator {
    /// Lets this user in, and nobody else.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// Lets a request pass, or refuses it. `nonce` is the connection's own and cannot be guessed.
    ///
    /// # Errors
    /// The refusal: 401 with both challenges, the same whatever was wrong.
    pub fn authenticate(&self, request: &Request, nonce: &str) -> Result<(), Response> {
        // What the server can do is no secret, and some players ask for nothing else first.
        if request.method == Method::Options {
            return Ok(());
        }
        let is_authorized = request
            .headers
            .get(header::AUTHORIZATION)
            .is_some_and(|value| self.is_authorized(request, value, nonce));
        if is_authorized {
            return Ok(());
        }
        let digest = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5");
        Err(Response::new(StatusCode::UNAUTHORIZED)
            .with_header(header::WWW_AUTHENTICATE, digest)
            .with_header(header::WWW_AUTHENTICATE, format!("Basic realm=\"{REALM}\"")))
    }

    fn is_authorized(&self, request: &Request, authorization: &str, nonce: &str) -> bool {
        let (scheme, rest) = authorization.trim().split_once(' ').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => self.is_basic_authorized(rest.trim()),
            "digest" => self.is_digest_authorized(request.method.as_str(), rest, nonce),
            _ => false,
        }
    }

    fn is_basic_authorized(&self, token: &str) -> bool {
        let expected = format!("{}:{}", self.user, self.password);
        BASE64_STANDARD.decode(token).is_ok_and(|given| constant_time_eq(&given, expected.as_bytes()))
    }

    /// RFC 2617 §3.2.2.1, without a quality of protection as RTSP servers have it. What is hashed is the header's own
    /// `uri`: players sign SETUP with the URL of the film as well as with that of its stream.
    fn is_digest_authorized(&self, method: &str, parameters: &str, nonce: &str) -> bool {
        let parameter =
            |name: &str| parse_parameters(parameters).find(|(key, _)| *key == name).map(|(_, v)| v);
        let (Some(user), Some(uri), Some(given)) =
            (parameter("username"), parameter("uri"), parameter("response"))
        else {
            return false;
        };
        if user != self.user || parameter("nonce") != Some(nonce) || parameter("realm") != Some(REALM) {
            return false;
        }
        let ha1 = md5_hex(&format!("{}:{REALM}:{}", self.user, self.password));
        let ha2 = md5_hex(&format!("{method}:{uri}"));
        let expected = md5_hex(&format!("{ha1}:{nonce}:{ha2}"));
        constant_time_eq(given.to_ascii_lowercase().as_bytes(), expected.as_bytes())
    }
}

/// `key="value"` and `key=value`, with commas between them.
fn parse_parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (key, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let (value, next) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => behind.split_once(',').map_or((behind, ""), |(value, _)| (value, &behind[value.len()..])),
        };
        rest = next;
        Some((key.trim_matches([' ', ',', '\t']), value.trim()))
    })
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares in a time that does not tell how much was right.
fn constant_time_eq(given: &[u8], expected: &[u8]) -> bool {
    given.len() == expected.len() && given.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticator() -> Authenticator {
        Authenticator::new("ann", "secret")
    }

    fn describe(authorization: Option<&str>) -> Request {
        let request = Request::new(Method::Describe, "rtsp://h/film").with_header(header::CSEQ, "1");
        match authorization {
            Some(value) => request.with_header(header::AUTHORIZATION, value.to_owned()),
            None => request,
        }
    }

    fn is_accepted(authorization: &str) -> bool {
        authenticator().authenticate(&describe(Some(authorization)), "n1").is_ok()
    }

    #[test]
    fn missing_authorization_is_401_except_for_options() {
        let refusal = authenticator().authenticate(&describe(None), "n1").unwrap_err();
        assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
        let challenges: Vec<_> = refusal.headers.get_all(header::WWW_AUTHENTICATE).collect();
        assert_eq!(
            challenges,
            ["Digest realm=\"Reelay\", nonce=\"n1\", algorithm=MD5", "Basic realm=\"Reelay\""]
        );
        let options = Request::new(Method::Options, "*").with_header(header::CSEQ, "1");
        assert!(authenticator().authenticate(&options, "n1").is_ok());
    }

    #[test]
    fn basic_accepts_only_the_configured_credentials() {
        assert!(is_accepted("Basic YW5uOnNlY3JldA=="));
        assert!(is_accepted("basic YW5uOnNlY3JldA=="));
        for wrong in
            ["Basic YW5uOnNlY3JlVA==", "Basic YW5u", "Basic !", "Basic", "Bearer YW5uOnNlY3JldA==", ""]
        {
            assert!(!is_accepted(wrong), "{wrong}");
        }
    }

    #[test]
    fn digest_accepts_only_the_configured_credentials() {
        // Computed with md5sum.
        let right = "Digest username=\"ann\", realm=\"Reelay\", nonce=\"n1\", uri=\"rtsp://h/film/track1\", \
                     response=\"0c8760634a578610179368923c80956b\"";
        assert!(is_accepted(right));
        assert!(is_accepted(&right.replace(", ", ",")));
        for (part, wrong) in [("ann", "bob"), ("n1", "n2"), ("track1", "track2"), ("Reelay", "Other")] {
            assert!(!is_accepted(&right.replace(part, wrong)), "{wrong}");
        }
        for junk in
            ["Digest", "Digest =", "Digest username=\"ann", "Digest username=\"ann\", uri=x, response="]
        {
            assert!(!is_accepted(junk), "{junk}");
        }
    }
}
