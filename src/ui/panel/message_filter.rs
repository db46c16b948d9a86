//! Filter of the Messages panel, which keeps a request and its response together.

use std::collections::VecDeque;

use crate::proto::rtsp::Method;
use crate::session::{LogEntry, LoggedMessage, MessageLog};

/// Returns for each entry whether it matches the query. The name of a method matches only the requests with that
/// method, not other messages in which it occurs; any other query matches text anywhere in an entry. If a request
/// matches, so does its response, and the reverse.
pub fn matching(entries: &VecDeque<LogEntry>, query: &str) -> Vec<bool> {
    let query = query.trim();
    let method = query.to_ascii_uppercase();
    let is_method = !matches!(Method::parse(&method), Method::Extension(_));
    let mut matches: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            LogEntry::Message { message, .. } if is_method => {
                !message.is_response() && message.label() == method
            }
            _ if is_method => false,
            _ => entry.contains(query),
        })
        .collect();
    for (response, request) in response_pairs(entries) {
        let either = matches[response] || matches[request];
        (matches[response], matches[request]) = (either, either);
    }
    matches
}

/// Returns the indices of each response and its request.
fn response_pairs(entries: &VecDeque<LogEntry>) -> impl Iterator<Item = (usize, usize)> {
    let message_at = |index: usize| match &entries[index] {
        LogEntry::Message { message, .. } => Some(message),
        _ => None,
    };
    (0..entries.len()).filter_map(move |index| {
        let response = message_at(index).filter(|message| message.is_response())?;
        let is_request =
            |index: &usize| message_at(*index).is_some_and(|request| is_request_of(request, response));
        Some((index, (0..index).rev().find(is_request)?))
    })
}

/// Returns true if a response can belong to this request. Some servers send responses without a CSeq.
fn is_request_of(request: &LoggedMessage, response: &LoggedMessage) -> bool {
    !request.is_response()
        && request.direction != response.direction
        && (request.cseq == response.cseq || response.cseq.is_none())
}

/// Returns the matching entries as text, for the clipboard or a file.
pub fn filtered_text(message_log: &MessageLog, query: &str) -> String {
    let mut matches = matching(message_log.entries(), query).into_iter();
    message_log.to_text(|_| matches.next().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::session::{Direction, RtspState};

    /// OPTIONS and PLAY with their responses, the second of which has a body.
    fn message_log() -> MessageLog {
        let mut log = MessageLog::default();
        let mut push = |direction, text: &str| {
            log.log_message(LoggedMessage::new(Instant::now(), direction, text.as_bytes(), RtspState::Ready));
        };
        push(Direction::ClientToServer, "OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        push(Direction::ServerToClient, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, PLAY\r\n\r\n");
        push(Direction::ClientToServer, "PLAY rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\n\r\n");
        push(
            Direction::ServerToClient,
            "RTSP/1.0 454 Session Not Found\r\nCSeq: 2\r\n\r\nsorry\r\n\r\n\r\nreally",
        );
        log
    }

    #[test]
    fn method_query_matches_requests_and_their_responses() {
        let message_log = message_log();
        let matches = |query| matching(message_log.entries(), query);
        assert_eq!(matches(" play "), [false, false, true, true]);
        assert_eq!(matches("public"), [true, true, false, false]);
        assert_eq!(matches("454"), [false, false, true, true]);
        assert_eq!(matches(""), [true; 4]);
    }

    #[test]
    fn copied_text_holds_exactly_the_shown_messages() {
        let message_log = message_log();
        let text = |query| filtered_text(&message_log, query);
        assert_eq!(text(""), message_log.to_text(|_| true));
        assert!(text("play").contains("PLAY rtsp") && text("play").contains("really"));
        assert!(!text("play").contains("Public"));
        assert_eq!(text("play"), message_log.to_text(|entry| entry.contains("CSeq: 2")));
    }
}
