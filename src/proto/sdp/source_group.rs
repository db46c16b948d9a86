//! Attributes of SSRCs (RFC 5576).

use super::text::readable_text;

/// Returns the first two SSRCs of an ssrc-group attribute (RFC 5576 §4.2) with these semantics; `None` for other
/// groups.
pub(super) fn parse_source_pair(value: &str, semantics: &str) -> Option<(u32, u32)> {
    let mut words = value.split_ascii_whitespace();
    (words.next()? == semantics).then_some(())?;
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Returns the CNAME in the value of an ssrc attribute (RFC 5576 §4.1), `7 cname:x`, if it is that of one of these
/// SSRCs.
pub(super) fn parse_cname(value: &str, ssrcs: [u32; 2]) -> Option<String> {
    let (ssrc, cname) = value.split_once(" cname:")?;
    let ssrc = ssrc.trim().parse().ok()?;
    ssrcs.contains(&ssrc).then(|| readable_text(cname))
}
