//! Keys.

use iced::keyboard::key::{Code, Named, Physical};
use iced::keyboard::{self, Key};

use crate::ui::panel::PanelKind;
use crate::ui::widget::focus::FocusStep;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Play, or pause; with four buttons, the next step.
    PlayOrPause,
    /// Stop.
    Stop,
    /// Choose a film.
    Open,
    /// Enter a URL.
    Connect,
    /// Show this panel, or hide it.
    Panel(PanelKind),
    /// Show what can be set.
    Preferences,
    /// The whole screen, or a window again.
    Fullscreen,
    /// Away with whatever is in front.
    Escape,
    /// The same from within a field, which is left by it.
    EscapeFromField,
    /// What the dialog in front offers is wanted.
    Confirm,
    /// This many seconds forward, or back.
    Skip(i8),
    /// Another field of the dialog in front.
    MoveFocus(FocusStep),
}

/// What a key event asks for, if nothing else wanted it.
pub fn from_event(event: &keyboard::Event) -> Option<Shortcut> {
    let keyboard::Event::KeyPressed { key, physical_key, modifiers, repeat, .. } = event else { return None };
    if let (Key::Named(named), false) = (key, modifiers.command() || modifiers.alt()) {
        return match named {
            Named::ArrowRight => Some(Shortcut::Skip(5)),
            Named::ArrowLeft => Some(Shortcut::Skip(-5)),
            Named::Tab if modifiers.shift() => Some(Shortcut::MoveFocus(FocusStep::Previous)),
            Named::Tab => Some(Shortcut::MoveFocus(FocusStep::Next)),
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
    // The key of a digit, whatever else stands on it.
    if let (Some(panel), true) = (panel_for_key(*physical_key), modifiers.command()) {
        return Some(Shortcut::Panel(panel));
    }
    // The letter on the key, whatever the keyboard's script.
    match (key.to_latin(*physical_key)?.to_ascii_lowercase(), modifiers.command()) {
        ('o', true) => Some(Shortcut::Open),
        ('l', true) => Some(Shortcut::Connect),
        (',', true) => Some(Shortcut::Preferences),
        ('s', false) => Some(Shortcut::Stop),
        ('f', false) => Some(Shortcut::Fullscreen),
        _ => None,
    }
}

/// The panel that this key stands for: they are counted as the header shows them.
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
        assert_eq!(press(letter("L"), Modifiers::COMMAND, false), Some(Shortcut::Connect));
        assert_eq!(press(letter("o"), Modifiers::empty(), false), None);
        assert_eq!(press(letter(","), Modifiers::COMMAND, false), Some(Shortcut::Preferences));
        let third = |key, modifiers| press_at(Physical::Code(Code::Digit3), letter(key), modifiers, false);
        assert_eq!(third("3", Modifiers::COMMAND), Some(Shortcut::Panel(PanelKind::Messages)));
        assert_eq!(third("\"", Modifiers::COMMAND), Some(Shortcut::Panel(PanelKind::Messages)), "in French");
        assert_eq!(third("3", Modifiers::empty()), None);
        assert_eq!(press(Key::Named(Named::Enter), Modifiers::empty(), false), Some(Shortcut::Confirm));
        let tab = |modifiers| press(Key::Named(Named::Tab), modifiers, false);
        assert_eq!(tab(Modifiers::empty()), Some(Shortcut::MoveFocus(FocusStep::Next)));
        assert_eq!(tab(Modifiers::SHIFT), Some(Shortcut::MoveFocus(FocusStep::Previous)));
    }

    #[test]
    fn held_key_repeats_skip_but_not_play_or_pause() {
        assert_eq!(press(Key::Named(Named::Space), Modifiers::empty(), true), None);
        assert_eq!(press(Key::Named(Named::ArrowRight), Modifiers::empty(), true), Some(Shortcut::Skip(5)));
    }
}
