//! Beginning of a saved HTTP stream: the head of the response, or the first part.

use crate::media::container::record::SOI;
use crate::media::multipart::PartHeader;
use crate::proto::http::{HeadReader, MediaType, ResponseHead};

/// Number of lines at the beginning of a file in which the header of the first part is searched.
const MAX_FIRST_LINES: usize = 8;

/// Maximum length of one of these lines, in bytes.
const MAX_LINE: usize = 1_024;

/// Returns true if a file begins with the head of a multipart response, or with a part.
pub fn is_multipart(head: &[u8]) -> bool {
    if let Some((response, _)) = split_head(head) {
        return media_type(&response).is_multipart();
    }
    let mut after_dashes = false;
    let mut rest = head;
    for _ in 0..MAX_FIRST_LINES {
        let window = &rest[..rest.len().min(MAX_LINE)];
        let Some(end) = memchr::memchr(b'\n', window) else { return false };
        let line = window[..end].trim_ascii_end();
        rest = &rest[end + 1..];
        if PartHeader::is_part_header(line) || after_dashes && line.is_empty() && rest.starts_with(SOI) {
            return true;
        }
        after_dashes = line.starts_with(b"--");
    }
    false
}

/// Returns true if a file begins with the head of a response whose body is still in the chunked transfer coding (RFC
/// 9112 §7.1), so that its frames are cut into pieces. Most programs remove the coding and keep the header.
pub fn is_chunked(head: &[u8]) -> bool {
    let Some((response, body)) = split_head(head) else { return false };
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    response.has_token("Transfer-Encoding", "chunked")
        && !size.is_empty()
        && size.iter().all(u8::is_ascii_hexdigit)
}

/// Splits the head of a response from what follows it; `None` if there is none.
fn split_head(bytes: &[u8]) -> Option<(ResponseHead, bytes::Bytes)> {
    let mut reader = HeadReader::default();
    reader.push(bytes);
    let (response, _) = reader.poll().ok()??;
    Some((response, reader.take_rest()))
}

/// Returns the media type that a response states.
pub fn media_type(response: &ResponseHead) -> MediaType {
    response.get("Content-Type").map(MediaType::parse).unwrap_or_default()
}
