//! Texts of descriptions, made safe to be shown or written.

/// Returns a text of a description without control characters and at most [`MAX_TEXT_LENGTH`] long.
pub(super) fn readable_text(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT_LENGTH).collect();
    // The limit may be behind a space.
    text.trim_end().to_owned()
}

/// Maximum number of characters of the session name and of the tool.
pub(super) const MAX_TEXT_LENGTH: usize = 200;

/// Replaces control characters, which could start another line, and an empty name by `-` (RFC 4566 §5.3).
pub(super) fn single_line(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.trim().is_empty() { "-".to_owned() } else { name }
}

/// Returns a word of a description without control characters and at most [`MAX_WORD_LENGTH`] long, for a message.
pub(super) fn printable(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(MAX_WORD_LENGTH).collect()
}

/// Maximum number of characters of an encoding or media type in a message; registered names are shorter.
const MAX_WORD_LENGTH: usize = 40;
