//! Keyboard shortcuts: from key events to actions.

use iced::keyboard::key::{Code, Named, Physical};
use iced::keyboard::{self, Key};

use crate::ui::panel::PanelKind;

/// Action of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Press Play or Pause; with four buttons, the button of the next step.
    PlayOrPause,
    /// Press Stop or Teardown.
    Stop,
    /// Start to record, or end the recording.
    Record,
    /// Save the frame on the screen.
    Snapshot,
    /// Show the file dialog.
    Open,
    /// Show the dialog for a folder of JPEG files.
    OpenFolder,
    /// Show the Connect dialog.
    Connect,
    /// Open this panel, or close it if it is open.
    Panel(PanelKind),
    /// Show the Preferences dialog.
    Preferences,
    /// Switch between full screen and window.
    Fullscreen,
    /// Close the dialog or the notice, stop reconnecting, or leave full screen.
    Escape,
    /// Escape in a text field, which loses the focus by it; closes the dialog around the field.
    EscapeFromField,
    /// Press the main button of the dialog.
    Confirm,
    /// Seek by this many seconds, backward if negative.
    Skip(i8),
}

/// Returns the action of a key event that no widget has captured.
pub fn from_event(event: &keyboard::Event) -> Option<Shortcut> {
    let keyboard::Event::KeyPressed { key, physical_key, modifiers, repeat, .. } = event else { return None };
    if let (Key::Named(named), false) = (key, modifiers.command() || modifiers.alt()) {
        return match named {
            Named::ArrowRight => Some(Shortcut::Skip(5)),
            Named::ArrowLeft => Some(Shortcut::Skip(-5)),
            _ if *repeat => None,
            Named::Space => Some(Shortcut::PlayOrPause),
            Named::F11 => Some(Shortcut::Fullscreen),
            Named::Escape => Some(Shortcut::Escape),
            Named::Enter => Some(Shortcut::Confirm),
            _ => None,
        };
    }
    if *repeat || modifiers.alt() {
        return None;
    }
    // By physical key: on a French keyboard the digits need Shift.
    if let (Some(panel), true) = (panel_for_key(*physical_key), modifiers.command()) {
        return Some(Shortcut::Panel(panel));
    }
    // By the Latin letter of the key, also with a Cyrillic or Greek layout.
    match (key.to_latin(*physical_key)?.to_ascii_lowercase(), modifiers.command()) {
        ('o', true) if modifiers.shift() => Some(Shortcut::OpenFolder),
        ('o', true) => Some(Shortcut::Open),
        ('l', true) => Some(Shortcut::Connect),
        ('r', true) => Some(Shortcut::Record),
        ('s', true) => Some(Shortcut::Snapshot),
        (',', true) => Some(Shortcut::Preferences),
        ('s', false) => Some(Shortcut::Stop),
        ('f', false) => Some(Shortcut::Fullscreen),
        _ => None,
    }
}

/// Returns the panel of a digit key, counted from the left of the header.
fn panel_for_key(key: Physical) -> Option<PanelKind> {
    let keys = [Code::Digit1, Code::Digit2, Code::Digit3];
    let index = keys.iter().position(|code| key == Physical::Code(*code))?;
    PanelKind::ALL.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced::keyboard::key::NativeCode;
    use iced::keyboard::{Location, Modifiers};

    fn press(key: Key, modifiers: Modifiers, repeat: bool) -> Option<Shortcut> {
        press_at(Physical::Unidentified(NativeCode::Unidentified), key, modifiers, repeat)
    }

    fn press_at(physical_key: Physical, key: Key, modifiers: Modifiers, repeat: bool) -> Option<Shortcut> {
        from_event(&keyboard::Event::KeyPressed {
            key: key.clone(),
            modified_key: key,
            physical_key,
            location: Location::Standard,
            modifiers,
            text: None,
            repeat,
        })
    }

    #[test]
    fn keys_map_to_shortcuts() {
        let letter = |letter: &str| Key::Character(letter.into());
        assert_eq!(press(Key::Named(Named::Space), Modifiers::empty(), false), Some(Shortcut::PlayOrPause));
        assert_eq!(press(letter("s"), Modifiers::empty(), false), Some(Shortcut::Stop));
        assert_eq!(press(letter("o"), Modifiers::COMMAND, false), Some(Shortcut::Open));
        let with_shift = Modifiers::COMMAND | Modifiers::SHIFT;
        assert_eq!(press(letter("O"), with_shift, false), Some(Shortcut::OpenFolder));
        assert_eq!(press(letter("L"), Modifiers::COMMAND, false), Some(Shortcut::Connect));
        assert_eq!(press(letter("r"), Modifiers::COMMAND, false), Some(Shortcut::Record));
        assert_eq!(press(letter("s"), Modifiers::COMMAND, false), Some(Shortcut::Snapshot));
        assert_eq!(press(letter("o"), Modifiers::empty(), false), None);
        assert_eq!(press(letter(","), Modifiers::COMMAND, false), Some(Shortcut::Preferences));
        let third = |key, modifiers| press_at(Physical::Code(Code::Digit3), letter(key), modifiers, false);
        assert_eq!(third("3", Modifiers::COMMAND), Some(Shortcut::Panel(PanelKind::Messages)));
        assert_eq!(
            third("\"", Modifiers::COMMAND),
            Some(Shortcut::Panel(PanelKind::Messages)),
            "French layout"
        );
        assert_eq!(third("3", Modifiers::empty()), None);
        assert_eq!(press(Key::Named(Named::Enter), Modifiers::empty(), false), Some(Shortcut::Confirm));
    }

    #[test]
    fn held_key_repeats_skip_but_not_play_or_pause() {
        assert_eq!(press(Key::Named(Named::Space), Modifiers::empty(), true), None);
        assert_eq!(press(Key::Named(Named::ArrowRight), Modifiers::empty(), true), Some(Shortcut::Skip(5)));
    }
}
