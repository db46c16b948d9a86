//! PURE. Who may play: Basic and Digest authentication (RFC 2326 §D.1.2, RFC 2617).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};

use crate::proto::rtsp::{Method, Request, Response, Status, header};

/// What this server calls itself when it asks who is there.
const REALM: &str = "Reelay";

/// One user and the password that goes with the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Guard {
    user: String,
    password: String,
}

impl std::fmt::Debug for Guard {
    /// A password has no place in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({})", self.user)
    }
}

impl Guard {
    /// Lets this user in, and nobody else.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// Lets a request pass, or refuses it. `nonce` is the connection's own and cannot be guessed.
    ///
    /// # Errors
    /// The refusal: 401 with both challenges, the same whatever was wrong.
    pub fn admit(&self, request: &Request, nonce: &str) -> Result<(), Response> {
        // What the server can do is no secret, and some players ask for nothing else first.
        if request.method == Method::Options {
            return Ok(());
        }
        let is_known =
            request.headers.get(header::AUTHORIZATION).is_some_and(|value| self.knows(request, value, nonce));
        if is_known {
            return Ok(());
        }
        let digest = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5");
        Err(Response::new(Status::UNAUTHORIZED)
            .with(header::WWW_AUTHENTICATE, digest)
            .with(header::WWW_AUTHENTICATE, format!("Basic realm=\"{REALM}\"")))
    }

    fn knows(&self, request: &Request, value: &str, nonce: &str) -> bool {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => self.knows_basic(rest.trim()),
            "digest" => self.knows_digest(request.method.as_str(), rest, nonce),
            _ => false,
        }
    }

    fn knows_basic(&self, token: &str) -> bool {
        let expected = format!("{}:{}", self.user, self.password);
        BASE64_STANDARD.decode(token).is_ok_and(|given| is_same(&given, expected.as_bytes()))
    }

    /// RFC 2617 §3.2.2.1, without a quality of protection as RTSP servers have it. What is hashed is the header's own
    /// `uri`: players sign SETUP with the URL of the film as well as with that of its stream.
    fn knows_digest(&self, method: &str, parameters: &str, nonce: &str) -> bool {
        let parameter = |name: &str| parameters_of(parameters).find(|(key, _)| *key == name).map(|(_, v)| v);
        let (Some(user), Some(uri), Some(given)) =
            (parameter("username"), parameter("uri"), parameter("response"))
        else {
            return false;
        };
        if user != self.user || parameter("nonce") != Some(nonce) || parameter("realm") != Some(REALM) {
            return false;
        }
        let who = hash(&format!("{}:{REALM}:{}", self.user, self.password));
        let what = hash(&format!("{method}:{uri}"));
        let expected = hash(&format!("{who}:{nonce}:{what}"));
        is_same(given.to_ascii_lowercase().as_bytes(), expected.as_bytes())
    }
}

/// `key="value"` and `key=value`, with commas between them.
fn parameters_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
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

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Compares in a time that does not tell how much was right.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    given.len() == expected.len() && given.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new("ann", "secret")
    }

    fn describe(authorization: Option<&str>) -> Request {
        let request = Request::new(Method::Describe, "rtsp://h/film").with(header::CSEQ, "1");
        match authorization {
            Some(value) => request.with(header::AUTHORIZATION, value.to_owned()),
            None => request,
        }
    }

    fn passes(authorization: &str) -> bool {
        guard().admit(&describe(Some(authorization)), "n1").is_ok()
    }

    #[test]
    fn who_says_nothing_is_asked_and_options_are_no_secret() {
        let refusal = guard().admit(&describe(None), "n1").unwrap_err();
        assert_eq!(refusal.status, Status::UNAUTHORIZED);
        let challenges: Vec<_> = refusal.headers.get_all(header::WWW_AUTHENTICATE).collect();
        assert_eq!(
            challenges,
            ["Digest realm=\"Reelay\", nonce=\"n1\", algorithm=MD5", "Basic realm=\"Reelay\""]
        );
        let options = Request::new(Method::Options, "*").with(header::CSEQ, "1");
        assert!(guard().admit(&options, "n1").is_ok());
    }

    #[test]
    fn basic_lets_the_user_in_and_nobody_else() {
        assert!(passes("Basic YW5uOnNlY3JldA=="));
        assert!(passes("basic YW5uOnNlY3JldA=="));
        for wrong in
            ["Basic YW5uOnNlY3JlVA==", "Basic YW5u", "Basic !", "Basic", "Bearer YW5uOnNlY3JldA==", ""]
        {
            assert!(!passes(wrong), "{wrong}");
        }
    }

    #[test]
    fn digest_lets_the_user_in_and_nobody_else() {
        // Computed with md5sum.
        let right = "Digest username=\"ann\", realm=\"Reelay\", nonce=\"n1\", uri=\"rtsp://h/film/track1\", \
                     response=\"0c8760634a578610179368923c80956b\"";
        assert!(passes(right));
        assert!(passes(&right.replace(", ", ",")));
        for (part, wrong) in [("ann", "bob"), ("n1", "n2"), ("track1", "track2"), ("Reelay", "Other")] {
            assert!(!passes(&right.replace(part, wrong)), "{wrong}");
        }
        for junk in
            ["Digest", "Digest =", "Digest username=\"ann", "Digest username=\"ann\", uri=x, response="]
        {
            assert!(!passes(junk), "{junk}");
        }
    }
}
