//! Formatting of positions, names and states that several parts of the window show.

use crate::proto::rtsp::Npt;
use crate::session::RtspState;

/// Formats a position with tenths of a second, and hours if there are any: `0:03.2`, `12:05.0`, `1:02:03.4`.
pub fn time(position: Npt) -> String {
    let tenths = position.as_micros() / 100_000;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (minutes, second) = (seconds / 60, seconds % 60);
    match minutes / 60 {
        0 => format!("{minutes}:{second:02}.{tenth}"),
        hours => format!("{hours}:{:02}:{second:02}.{tenth}", minutes % 60),
    }
}

/// Shortens a name to `max_chars` characters, with an ellipsis if something was cut off.
pub fn truncated(name: &str, max_chars: usize) -> String {
    match name.chars().count() <= max_chars {
        true => name.to_owned(),
        false => name.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Returns a value that is not broken between a number and its unit: the space between both becomes a no-break space.
pub fn with_units_kept(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let is_after_digit = kept.ends_with(|before: char| before.is_ascii_digit());
        let is_before_unit =
            characters.peek().is_some_and(|next| next.is_alphabetic() || "%/".contains(*next));
        kept.push(if character == ' ' && is_after_digit && is_before_unit { '\u{a0}' } else { character });
    }
    kept
}

/// Returns a text with a command line that is not broken within an option or between an option and its value: a
/// no-break space stands between both, and a word joiner after each hyphen of an option.
pub fn with_options_kept(text: &str, command: &str) -> String {
    let mut kept = String::with_capacity(command.len());
    let mut is_after_option = false;
    for word in command.split(' ') {
        let is_option = word.starts_with('-');
        if !kept.is_empty() {
            kept.push(if is_after_option && !is_option { '\u{a0}' } else { ' ' });
        }
        kept.push_str(&if is_option { word.replace('-', "-\u{2060}") } else { word.to_owned() });
        is_after_option = is_option;
    }
    text.replace(command, &kept)
}

/// Returns the name of a state in capitals, as in the classroom exercise (RFC 2326 appendix A.1 has Init, Ready and
/// Playing).
pub fn state_name(state: RtspState) -> &'static str {
    match state {
        RtspState::Init => "INIT",
        RtspState::Ready => "READY",
        RtspState::Playing => "PLAYING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_truncated() {
        let cut = |longest| truncated("über.mjpeg", longest);
        assert_eq!([cut(10), cut(9), cut(2), cut(0)], ["über.mjpeg", "über.mjp…", "ü…", "…"]);
    }

    #[test]
    fn numbers_stay_with_their_units() {
        assert_eq!(with_units_kept("12 ms (mean 1.5 %) 3 /s"), "12\u{a0}ms (mean 1.5\u{a0}%) 3\u{a0}/s");
    }

    #[test]
    fn options_of_a_command_stay_with_their_values() {
        let kept = with_options_kept(
            "Try: ffmpeg -i a-b.mp4 -q:v 3 -an b.avi",
            "ffmpeg -i a-b.mp4 -q:v 3 -an b.avi",
        );
        let expected = "Try: ffmpeg -\u{2060}i\u{a0}a-b.mp4 -\u{2060}q:v\u{a0}3 -\u{2060}an\u{a0}b.avi";
        assert_eq!(kept, expected);
        assert_eq!(with_options_kept("nothing", "ffmpeg -i a"), "nothing");
    }

    #[test]
    fn positions_show_tenths_and_hours_only_if_needed() {
        let at = |seconds: f64| time(Npt::from_micros((seconds * 1e6) as u64));
        assert_eq!([at(0.0), at(3.27), at(725.0), at(3_723.4)], ["0:00.0", "0:03.2", "12:05.0", "1:02:03.4"]);
    }
}
