//! The table of keys, and from key events to actions.
//!
//! [`TABLE`] is the only place in which a key is assigned: key events, tooltips, the help and the table in README.md
//! are made from it.

use std::fmt;

use iced::keyboard::key::{Code, Named, Physical};
use iced::keyboard::{self, Key};

use crate::settings::PanelKind;

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
    /// Close the film or stream; without one, the window.
    Close,
    /// Open the next entry of the play list.
    Next,
    /// Open the previous entry of the play list.
    Previous,
    /// Show the play list.
    PlayList,
    /// Repeat nothing, the film, or the play list.
    Repeat,
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
    /// Show the help.
    Help,
    /// Show the picture in the next size: fitted, without bars, or at 100 %.
    NextPictureSize,
    /// Rotate the picture by 90° clockwise.
    RotatePicture,
    /// Exchange left and right of the picture.
    FlipPicture,
    /// Open the menu of the picture, or close it.
    Menu,
    /// Switch between full screen and window.
    Fullscreen,
    /// Close the dialog, the menu or the notice, stop reconnecting, or leave full screen.
    Escape,
    /// Escape in a text field, which loses the focus by it; closes the dialog around the field.
    EscapeFromField,
    /// Press the main button of the dialog.
    Confirm,
    /// Seek by this many seconds, backward if negative.
    Skip(i8),
    /// Show the next frame, or the previous one if this is false.
    StepFrame(bool),
    /// Play at the next higher speed, or at the next lower one if this is false.
    ChangeSpeed(bool),
    /// Play at the speed of the film.
    NormalSpeed,
    /// Seek to the first frame.
    SeekToStart,
    /// Seek to the last frame.
    SeekToEnd,
    /// Make text and controls larger.
    ZoomIn,
    /// Make text and controls smaller.
    ZoomOut,
    /// Show text and controls at their usual size.
    ZoomReset,
    /// Close the window.
    Quit,
}

/// Key of a shortcut, with the modifiers that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    key: ChordKey,
    has_ctrl: bool,
    has_shift: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChordKey {
    /// Key without a letter, and its name.
    Named(Named, &'static str),
    /// Key with this Latin letter or comma, also in a Cyrillic or Greek layout.
    Letter(char),
    /// Digit by the place of its key: on a French keyboard the digits need Shift.
    Digit(Code, char),
    /// Sign, on whatever key and with or without Shift.
    Sign(char),
}

const fn named(key: Named, name: &'static str) -> Chord {
    Chord { key: ChordKey::Named(key, name), has_ctrl: false, has_shift: false }
}

const fn letter(letter: char) -> Chord {
    Chord { key: ChordKey::Letter(letter), has_ctrl: false, has_shift: false }
}

const fn digit(code: Code, digit: char) -> Chord {
    Chord { key: ChordKey::Digit(code, digit), has_ctrl: false, has_shift: false }
}

const fn sign(sign: char) -> Chord {
    Chord { key: ChordKey::Sign(sign), has_ctrl: false, has_shift: false }
}

impl Chord {
    const fn ctrl(self) -> Self {
        Self { has_ctrl: true, ..self }
    }

    const fn shift(self) -> Self {
        Self { has_shift: true, ..self }
    }

    /// Returns true if this key was pressed, with exactly these modifiers.
    fn matches(self, event: &Pressed<'_>) -> bool {
        let Pressed { key, modified_key, physical_key, modifiers } = *event;
        if self.has_ctrl != modifiers.command() || modifiers.alt() {
            return false;
        }
        let is_character = |expected: char| {
            [key, modified_key]
                .iter()
                .any(|key| matches!(key, Key::Character(text) if text.chars().eq([expected])))
        };
        match self.key {
            ChordKey::Named(named, _) => *key == Key::Named(named) && self.has_shift == modifiers.shift(),
            ChordKey::Letter(letter) => {
                let latin = key.to_latin(physical_key).map(|latin| latin.to_ascii_lowercase());
                latin == Some(letter) && self.has_shift == modifiers.shift()
            }
            ChordKey::Digit(code, _) => physical_key == Physical::Code(code),
            // On most layouts `+` needs Shift; the same key without Shift is accepted too.
            ChordKey::Sign('+') => is_character('+') || is_character('='),
            ChordKey::Sign(sign) => is_character(sign),
        }
    }

    /// Returns true if the action is repeated while the key is held.
    fn repeats(self) -> bool {
        match self.key {
            ChordKey::Named(named, _) => matches!(named, Named::ArrowLeft | Named::ArrowRight),
            ChordKey::Letter(letter) => matches!(letter, ',' | '.') && !self.has_ctrl,
            ChordKey::Sign(sign) => matches!(sign, '+' | '-' | '[' | ']'),
            ChordKey::Digit(..) => false,
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ctrl = if self.has_ctrl { "Ctrl+" } else { "" };
        let shift = if self.has_shift { "Shift+" } else { "" };
        match self.key {
            ChordKey::Named(_, name) => write!(f, "{ctrl}{shift}{name}"),
            // Between commas that separate the keys of a row, the signs alone could not be read.
            ChordKey::Letter(',') if !self.has_ctrl => f.write_str("Comma"),
            ChordKey::Letter('.') if !self.has_ctrl => f.write_str("Full stop"),
            ChordKey::Letter(key) => write!(f, "{ctrl}{shift}{}", key.to_ascii_uppercase()),
            ChordKey::Sign('+') if self.has_ctrl => f.write_str("Ctrl+Plus"),
            ChordKey::Sign('-') if self.has_ctrl => f.write_str("Ctrl+Minus"),
            ChordKey::Digit(_, key) | ChordKey::Sign(key) => write!(f, "{ctrl}{key}"),
        }
    }
}

/// Row of the table: keys with actions of one kind, and a description.
#[derive(Debug)]
pub struct ShortcutRow {
    bindings: &'static [(Chord, Shortcut)],
    /// Other input with the same effect, in words, such as a click; empty for nothing.
    gesture: &'static str,
    /// Description of the actions.
    pub action: &'static str,
}

impl ShortcutRow {
    /// Returns the keys, separated by commas.
    pub fn keys(&self) -> String {
        let keys = self.bindings.iter().map(|(chord, _)| chord.to_string());
        let gesture = Some(self.gesture.to_owned()).filter(|gesture| !gesture.is_empty());
        keys.chain(gesture).collect::<Vec<_>>().join(", ")
    }
}

const fn row(bindings: &'static [(Chord, Shortcut)], action: &'static str) -> ShortcutRow {
    ShortcutRow { bindings, gesture: "", action }
}

/// All keys of the window, in the order in which they are listed.
pub const TABLE: [ShortcutRow; 32] = [
    row(
        &[(named(Named::Space, "Space"), Shortcut::PlayOrPause)],
        "play or pause; with four buttons, the next step: Setup, Play, Pause; on the start screen, play the sample film",
    ),
    row(&[(letter('s'), Shortcut::Stop)], "Stop, or Teardown"),
    ShortcutRow {
        gesture: "wheel over the time line",
        ..row(
            &[
                (named(Named::ArrowLeft, "←"), Shortcut::Skip(-5)),
                (named(Named::ArrowRight, "→"), Shortcut::Skip(5)),
            ],
            "five seconds back or forward",
        )
    },
    row(
        &[
            (named(Named::ArrowLeft, "←").shift(), Shortcut::Skip(-1)),
            (named(Named::ArrowRight, "→").shift(), Shortcut::Skip(1)),
        ],
        "one second back or forward",
    ),
    row(
        &[(letter(','), Shortcut::StepFrame(false)), (letter('.'), Shortcut::StepFrame(true))],
        "previous or next frame; a film that plays is paused",
    ),
    row(
        &[(sign('['), Shortcut::ChangeSpeed(false)), (sign(']'), Shortcut::ChangeSpeed(true))],
        "slower or faster, from 0.25 to 4 times the speed of the film",
    ),
    row(&[(named(Named::Backspace, "Backspace"), Shortcut::NormalSpeed)], "normal speed"),
    row(
        &[
            (named(Named::Home, "Home"), Shortcut::SeekToStart),
            (named(Named::End, "End"), Shortcut::SeekToEnd),
        ],
        "first or last frame",
    ),
    row(
        &[(letter('p'), Shortcut::Previous), (letter('n'), Shortcut::Next)],
        "previous or next film of the play list",
    ),
    row(&[(letter('l'), Shortcut::Repeat)], "repeat the film, or all films of the play list"),
    row(&[(letter('p').ctrl(), Shortcut::PlayList)], "play list"),
    row(&[(letter('r').ctrl(), Shortcut::Record)], "start or end a recording"),
    row(&[(letter('s').ctrl(), Shortcut::Snapshot)], "save the frame on the screen as it was received"),
    row(&[(letter('o').ctrl(), Shortcut::Open)], "open films"),
    row(&[(letter('o').ctrl().shift(), Shortcut::OpenFolder)], "open a folder of films or of JPEG files"),
    row(&[(letter('l').ctrl(), Shortcut::Connect)], "connect to a stream"),
    row(
        &[
            (digit(Code::Digit1, '1').ctrl(), Shortcut::Panel(PanelKind::Network)),
            (digit(Code::Digit2, '2').ctrl(), Shortcut::Panel(PanelKind::Statistics)),
            (digit(Code::Digit3, '3').ctrl(), Shortcut::Panel(PanelKind::Messages)),
        ],
        "open or close a panel: Network, Statistics, Messages; in full screen it lies over the video",
    ),
    row(&[(letter(',').ctrl(), Shortcut::Preferences)], "preferences"),
    ShortcutRow {
        gesture: "double click on the video",
        ..row(
            &[(letter('f'), Shortcut::Fullscreen), (named(Named::F11, "F11"), Shortcut::Fullscreen)],
            "full screen on or off; in full screen, moving the mouse or Tab shows the buttons",
        )
    },
    row(
        &[(letter('z'), Shortcut::NextPictureSize)],
        "size of the picture: all of it, without bars, or at 100 %, which is one pixel of the film for one of the screen",
    ),
    row(
        &[(letter('r'), Shortcut::RotatePicture), (letter('r').shift(), Shortcut::FlipPicture)],
        "rotate the picture by 90°, or exchange left and right; remembered for each film",
    ),
    ShortcutRow {
        gesture: "right click on the picture",
        ..row(
            &[
                (named(Named::F10, "F10").shift(), Shortcut::Menu),
                (named(Named::ContextMenu, "Menu"), Shortcut::Menu),
            ],
            "menu of the picture; ↑ and ↓ move in it",
        )
    },
    row(
        &[(sign('+').ctrl(), Shortcut::ZoomIn), (sign('-').ctrl(), Shortcut::ZoomOut)],
        "larger or smaller text and controls, from 100 % to 200 %",
    ),
    row(&[(digit(Code::Digit0, '0').ctrl(), Shortcut::ZoomReset)], "text and controls at 100 %"),
    row(
        &[(named(Named::Escape, "Esc"), Shortcut::Escape)],
        "close the dialog or the menu, leave the focused control, close the notice, stop reconnecting, or leave full screen",
    ),
    ShortcutRow {
        gesture: "Tab, Shift+Tab",
        ..row(
            &[],
            "next or previous field or control; then Enter or Space presses it, and the arrow keys, Home and End move \
             it or go through a list",
        )
    },
    ShortcutRow {
        gesture: "↑, ↓, Page Up, Page Down",
        ..row(&[], "scroll the dialog or the panel; in a dialog, Home and End go to its ends")
    },
    ShortcutRow {
        gesture: "Alt+↑, Alt+↓, Delete",
        ..row(
            &[],
            "in the play list: move the film with the focus, or remove it; Delete removes one from Recent too",
        )
    },
    row(&[(named(Named::Enter, "Enter"), Shortcut::Confirm)], "main button of the dialog"),
    row(&[(named(Named::F1, "F1"), Shortcut::Help), (sign('?'), Shortcut::Help)], "help"),
    row(&[(letter('w').ctrl(), Shortcut::Close)], "close the film or stream; without one, the window"),
    row(&[(letter('q').ctrl(), Shortcut::Quit)], "close the window"),
];

/// Returns the first key of an action; `None` for an action without a key of its own.
pub fn key_of(shortcut: Shortcut) -> Option<Chord> {
    let mut bindings = TABLE.iter().flat_map(|row| row.bindings);
    bindings.find(|(_, action)| *action == shortcut).map(|(chord, _)| *chord)
}

/// Returns the text of a tooltip: a description with the key of an action, like "Preferences (Ctrl+,)".
pub fn with_key(description: &str, shortcut: Shortcut) -> String {
    match key_of(shortcut) {
        Some(chord) => format!("{description} ({chord})"),
        None => description.to_owned(),
    }
}

struct Pressed<'a> {
    key: &'a Key,
    modified_key: &'a Key,
    physical_key: Physical,
    modifiers: keyboard::Modifiers,
}

/// Returns the action of a key event that no widget has captured.
pub fn from_event(event: &keyboard::Event) -> Option<Shortcut> {
    let keyboard::Event::KeyPressed { key, modified_key, physical_key, modifiers, repeat, .. } = event else {
        return None;
    };
    let pressed = Pressed { key, modified_key, physical_key: *physical_key, modifiers: *modifiers };
    let mut bindings = TABLE.iter().flat_map(|row| row.bindings);
    let (_, shortcut) =
        bindings.find(|(chord, _)| chord.matches(&pressed) && (!repeat || chord.repeats()))?;
    Some(*shortcut)
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
        assert_eq!(press(letter("r"), Modifiers::empty(), false), Some(Shortcut::RotatePicture));
        assert_eq!(press(letter("R"), Modifiers::SHIFT, false), Some(Shortcut::FlipPicture));
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
        assert_eq!(press(letter("?"), Modifiers::SHIFT, false), Some(Shortcut::Help));
        assert_eq!(press(letter("]"), Modifiers::empty(), true), Some(Shortcut::ChangeSpeed(true)));
        assert_eq!(press(letter("="), Modifiers::COMMAND, false), Some(Shortcut::ZoomIn));
        assert_eq!(press(letter("+"), with_shift, false), Some(Shortcut::ZoomIn));
        let left = Key::Named(Named::ArrowLeft);
        assert_eq!(press(left.clone(), Modifiers::SHIFT, false), Some(Shortcut::Skip(-1)));
        assert_eq!(press(left, Modifiers::ALT, false), None);
    }

    #[test]
    fn held_key_repeats_skip_but_not_play_or_pause() {
        assert_eq!(press(Key::Named(Named::Space), Modifiers::empty(), true), None);
        assert_eq!(press(Key::Named(Named::ArrowRight), Modifiers::empty(), true), Some(Shortcut::Skip(5)));
    }

    #[test]
    fn every_key_has_one_action() {
        let bindings: Vec<_> = TABLE.iter().flat_map(|row| row.bindings).collect();
        for (index, (chord, _)) in bindings.iter().enumerate() {
            assert!(bindings[index + 1..].iter().all(|(other, _)| other != chord), "{chord}");
        }
        assert!(TABLE.iter().all(|row| !row.keys().is_empty() && !row.action.is_empty()));
    }

    #[test]
    fn tooltip_ends_with_the_key() {
        assert_eq!(with_key("Preferences", Shortcut::Preferences), "Preferences (Ctrl+,)");
        assert_eq!(with_key("Open a folder", Shortcut::OpenFolder), "Open a folder (Ctrl+Shift+O)");
        assert_eq!(with_key("Messages", Shortcut::Panel(PanelKind::Messages)), "Messages (Ctrl+3)");
        assert_eq!(with_key("Close", Shortcut::EscapeFromField), "Close");
    }
}
