//! Basic and Digest authentication (RFC 2326 §D.1.2, RFC 2617). Sans-I/O.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};

use crate::proto::rtsp::{Method, Request, Response, StatusCode, header};

/// Realm in the challenges (RFC 2617 §1.2).
const REALM: &str = "Reelay";

/// User name and password that requests must state, in Basic or Digest authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticator {
    user: String,
    password: String,
}

impl std::fmt::Debug for Authenticator {
    /// Omits the password, so that it does not end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authenticator({})", self.user)
    }
}

impl Authenticator {
    /// Creates an authenticator that accepts this user only.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// Checks the Authorization header of a request. `nonce` is the random nonce of the connection. OPTIONS needs no
    /// authorization.
    ///
    /// # Errors
    /// Returns the response to send: 401 with a Digest and a Basic challenge, the same for every kind of failure.
    pub fn authenticate(&self, request: &Request, nonce: &str) -> Result<(), Response> {
        // The list of methods is not a secret, and some clients send OPTIONS before anything else.
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

    /// Returns true if a request tries a password, right or wrong: Basic, or Digest with the nonce of this connection.
    /// Clients that connect again send one with the nonce of an earlier connection, which is not compared with the
    /// password.
    pub fn attempts_password(request: &Request, nonce: &str) -> bool {
        request.headers.get(header::AUTHORIZATION).is_some_and(|value| {
            let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
            let mut parameters = parse_parameters(rest);
            !scheme.eq_ignore_ascii_case("digest")
                || parameters.any(|(key, value)| key == "nonce" && value == nonce)
        })
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

    /// Checks a Digest response (RFC 2617 §3.2.2.1), without quality of protection, as is usual for RTSP. The hash
    /// uses the `uri` parameter, not the request URL: some clients use the URL of the file for SETUP, others that of
    /// the stream.
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

/// Parses `key="value"` and `key=value` pairs separated by commas.
fn parse_parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').map_or((after, ""), |(value, _)| (value, &after[value.len()..])),
        };
        rest = next;
        Some((key.trim_matches([' ', ',', '\t']), value.trim()))
    })
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares in constant time for a given length, so that timing does not reveal how many bytes match.
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
    fn digest_with_another_nonce_states_no_password() {
        let states = |value: &str| Authenticator::attempts_password(&describe(Some(value)), "n1");
        assert!(states("Basic YW5uOnNlY3JldA==") && states("Digest nonce=\"n1\", response=\"0\""));
        assert!(!states("Digest nonce=\"n2\", response=\"0\""));
        assert!(!Authenticator::attempts_password(&describe(None), "n1"));
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
        // The response was computed with md5sum.
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
