//! Which of the messages are shown: a request and its reply stay together.

use std::collections::VecDeque;

use crate::proto::rtsp::Method;
use crate::session::{Conversation, Entry, Message};

/// For each entry, whether it fits the words. The name of a method means its requests, wherever else it stands.
pub fn fitting(entries: &VecDeque<Entry>, words: &str) -> Vec<bool> {
    let words = words.trim();
    let method = words.to_ascii_uppercase();
    let is_method = !matches!(Method::from_token(&method), Method::Extension(_));
    let mut fits: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Said { message, .. } if is_method => !message.is_reply() && message.label() == method,
            Entry::Media(_) | Entry::Over(_) if is_method => false,
            _ => entry.contains(words),
        })
        .collect();
    for (reply, request) in replies(entries) {
        let either = fits[reply] || fits[request];
        (fits[reply], fits[request]) = (either, either);
    }
    fits
}

/// Each reply, with the request that it answers.
fn replies(entries: &VecDeque<Entry>) -> impl Iterator<Item = (usize, usize)> {
    let said = |place: usize| match &entries[place] {
        Entry::Said { message, .. } => Some(message),
        Entry::Media(_) | Entry::Over(_) => None,
    };
    (0..entries.len()).filter_map(move |place| {
        let reply = said(place).filter(|message| message.is_reply())?;
        let answers = |place: &usize| said(*place).is_some_and(|request| is_answered(request, reply));
        Some((place, (0..place).rev().find(answers)?))
    })
}

/// Whether a reply is to this request. Some servers do not say to which.
fn is_answered(request: &Message, reply: &Message) -> bool {
    !request.is_reply()
        && request.speaker != reply.speaker
        && (request.cseq == reply.cseq || reply.cseq.is_none())
}

/// What fits the words, for a file.
pub fn text(conversation: &Conversation, words: &str) -> String {
    let mut fits = fitting(conversation.entries(), words).into_iter();
    conversation.text(|_| fits.next().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::session::{RtspState, Speaker};

    /// OPTIONS and PLAY, each with its reply, the second of which has a body.
    fn conversation() -> Conversation {
        let mut conversation = Conversation::default();
        let mut say = |speaker, text: &str| {
            conversation.say(Message::new(Instant::now(), speaker, text.as_bytes(), RtspState::Ready));
        };
        say(Speaker::Player, "OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        say(Speaker::Server, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, PLAY\r\n\r\n");
        say(Speaker::Player, "PLAY rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\n\r\n");
        say(Speaker::Server, "RTSP/1.0 454 Session Not Found\r\nCSeq: 2\r\n\r\nsorry\r\n\r\n\r\nreally");
        conversation
    }

    #[test]
    fn a_method_means_its_requests_and_other_words_mean_what_they_say() {
        let conversation = conversation();
        let fits = |words| fitting(conversation.entries(), words);
        assert_eq!(fits(" play "), [false, false, true, true]);
        assert_eq!(fits("public"), [true, true, false, false]);
        assert_eq!(fits("454"), [false, false, true, true]);
        assert_eq!(fits(""), [true; 4]);
    }

    #[test]
    fn what_is_copied_is_what_is_shown() {
        let conversation = conversation();
        let text = |words| super::text(&conversation, words);
        assert_eq!(text(""), conversation.text(|_| true));
        assert!(text("play").contains("PLAY rtsp") && text("play").contains("really"));
        assert!(!text("play").contains("Public"));
        assert_eq!(text("play"), conversation.text(|entry| entry.contains("CSeq: 2")));
    }
}
