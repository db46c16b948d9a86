//! Actions beside the worded buttons: entries of the list, single frames, repetition, recording, snapshot, full screen.
//! The bar shows them as icons, and the menus as lines.

use super::play_list::{PlayList, Repeat};
use super::playback::{SPEEDS, SpeedObstacle};
use super::recording_state::{RecordingState, record_tooltip};
use crate::proto::rtsp::Factor;
use crate::recording::RecordingFormat;
use crate::settings::Controls;
use crate::ui::shortcuts::{Shortcut, key_of, with_key};
use crate::ui::widget::icon::Icon;

/// Action of an icon or of a line in a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open the previous entry of the list.
    OpenPrevious,
    /// Open the next entry of the list.
    OpenNext,
    /// Show the play list.
    ShowList,
    /// Show the frame before this one.
    StepBack,
    /// Show the frame after this one.
    StepForward,
    /// Show the speeds to choose from.
    ShowSpeeds,
    /// Go through the choices of what follows the end.
    CycleRepeat,
    /// Start to record, or end the recording.
    ToggleRecording,
    /// Save the frame on the screen.
    SaveSnapshot,
    /// Switch between window and full screen.
    ToggleFullscreen,
}

/// State that the entries depend on.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// List of what is played.
    pub list: &'a PlayList,
    /// Three or four buttons.
    pub controls: Controls,
    /// State of the recording.
    pub recording: RecordingState,
    /// Format of recordings.
    pub format: RecordingFormat,
    /// Something is open.
    pub is_open: bool,
    /// Single frames can be shown.
    pub can_step: bool,
    /// Speed of playback, 1 for that of the film.
    pub speed: Factor,
    /// Reason why the speed cannot be changed.
    pub speed_obstacle: Option<SpeedObstacle>,
    /// A frame is shown, which can be saved.
    pub has_picture: bool,
    /// The window fills the screen.
    pub is_fullscreen: bool,
}

/// Icon, or line in a menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Action of a click.
    pub action: Action,
    /// Symbol in the bar.
    pub icon: Icon,
    /// Text in the bar in place of the symbol; `None` for the symbol.
    pub label: Option<String>,
    /// Text in a menu.
    pub name: &'static str,
    /// Key with the same effect.
    pub shortcut: Shortcut,
    /// Tooltip in the bar: what it does, and the key; or the reason why it is disabled.
    pub tooltip: String,
    /// A click has an effect.
    pub is_enabled: bool,
    /// The action is in progress, or changes what follows.
    pub is_on: bool,
}

impl Action {
    /// Returns the id of the icon, which has no text for tests to find it by.
    pub fn id(self) -> &'static str {
        match self {
            Self::OpenPrevious => "previous",
            Self::OpenNext => "next",
            Self::ShowList => "list",
            Self::StepBack => "step-back",
            Self::StepForward => "step-forward",
            Self::ShowSpeeds => "speed",
            Self::CycleRepeat => "repeat",
            Self::ToggleRecording => "record",
            Self::SaveSnapshot => "snapshot",
            Self::ToggleFullscreen => "fullscreen",
        }
    }
}

/// Returns the entries in their order. The list has entries of its own only if it has more than one film.
pub fn entries(state: State<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    if state.list.entries().len() > 1 {
        entries.push(simple(Action::OpenPrevious, state.list.has_previous()));
        entries.push(simple(Action::OpenNext, state.list.has_next()));
        entries.push(simple(Action::ShowList, true));
    }
    entries.extend([
        simple(Action::StepBack, state.can_step),
        simple(Action::StepForward, state.can_step),
        speed(state),
        repeat(state),
        recording(state),
        simple(Action::SaveSnapshot, state.has_picture),
        fullscreen(state),
    ]);
    entries
}

fn simple(action: Action, is_enabled: bool) -> Entry {
    let (icon, name, shortcut, when_disabled) = match action {
        Action::OpenPrevious => {
            (Icon::Previous, "Previous film", Shortcut::Previous, "this is the first one")
        }
        Action::OpenNext => (Icon::Next, "Next film", Shortcut::Next, "this is the last one"),
        Action::ShowList => (Icon::List, "Play list", Shortcut::PlayList, "there is no list"),
        Action::StepBack => (
            Icon::StepBack,
            "One frame back",
            Shortcut::StepFrame(false),
            "only for a film on this machine that is set up",
        ),
        Action::StepForward => (
            Icon::StepForward,
            "One frame on",
            Shortcut::StepFrame(true),
            "only for a film on this machine that is set up",
        ),
        _ => (Icon::Snapshot, "Save this frame", Shortcut::Snapshot, "no frame is shown"),
    };
    let tooltip = if is_enabled { with_key(name, shortcut) } else { format!("{name}: {when_disabled}") };
    Entry { action, icon, label: None, name, shortcut, tooltip, is_enabled, is_on: false }
}

fn speed(state: State<'_>) -> Entry {
    let tooltip = match state.speed_obstacle {
        Some(obstacle) => format!("Speed: {obstacle}"),
        None => {
            let keys = [Shortcut::ChangeSpeed(false), Shortcut::ChangeSpeed(true)].map(key_of);
            let keys: Vec<_> = keys.into_iter().flatten().map(|key| key.to_string()).collect();
            format!("Speed ({})", keys.join(", "))
        }
    };
    Entry {
        action: Action::ShowSpeeds,
        icon: Icon::More,
        label: Some(speed_name(state.speed)),
        name: "Speed…",
        shortcut: Shortcut::ChangeSpeed(true),
        tooltip,
        is_enabled: state.speed_obstacle.is_none(),
        is_on: state.speed != Factor::ONE,
    }
}

/// Returns the name of a speed, like "1.5×".
pub fn speed_name(speed: Factor) -> String {
    let known = SPEEDS.iter().find(|(known, _)| *known == speed);
    known.map_or_else(|| format!("{speed}×"), |(_, name)| (*name).to_owned())
}

fn repeat(state: State<'_>) -> Entry {
    let repeat = state.list.repeat();
    let icon = if repeat == Repeat::One { Icon::RepeatOne } else { Icon::Repeat };
    let name = repeat.description();
    let (action, shortcut, is_on) = (Action::CycleRepeat, Shortcut::Repeat, repeat != Repeat::Off);
    // Four buttons send one request for each click, and a film that is repeated would send more.
    let is_possible = state.controls == Controls::Three;
    let tooltip = match is_possible {
        true => with_key(name, shortcut),
        false => "Repeat needs three buttons; with four, nothing is sent without a click".to_owned(),
    };
    let (is_enabled, is_on) = (state.is_open && is_possible, is_on && is_possible);
    Entry { action, icon, label: None, name, shortcut, tooltip, is_enabled, is_on }
}

fn recording(state: State<'_>) -> Entry {
    let is_on = matches!(state.recording, RecordingState::On(_));
    Entry {
        action: Action::ToggleRecording,
        icon: if is_on { Icon::Stop } else { Icon::Record },
        label: None,
        name: if is_on { "End the recording" } else { "Record" },
        shortcut: Shortcut::Record,
        tooltip: record_tooltip(state.is_open, state.recording, state.format),
        is_enabled: is_on || state.is_open && state.recording == RecordingState::Off,
        is_on,
    }
}

fn fullscreen(state: State<'_>) -> Entry {
    let name = if state.is_fullscreen { "Leave full screen" } else { "Full screen" };
    Entry {
        action: Action::ToggleFullscreen,
        icon: Icon::Fullscreen,
        label: None,
        name,
        shortcut: Shortcut::Fullscreen,
        tooltip: with_key(name, Shortcut::Fullscreen),
        is_enabled: state.is_open,
        is_on: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MediaSource;
    use crate::ui::app::playback::Source;

    fn film(name: &str) -> Source {
        Source::Local(MediaSource::File(name.into()))
    }

    fn state(list: &PlayList) -> State<'_> {
        State {
            controls: Controls::Three,
            list,
            recording: RecordingState::Off,
            format: RecordingFormat::default(),
            is_open: true,
            can_step: false,
            speed: Factor::ONE,
            speed_obstacle: None,
            has_picture: true,
            is_fullscreen: false,
        }
    }

    #[test]
    fn previous_and_next_appear_with_the_second_film() {
        let mut list = PlayList::default();
        list.replace([film("a")]);
        let has_next =
            |list: &PlayList| entries(state(list)).iter().any(|entry| entry.action == Action::OpenNext);
        assert!(!has_next(&list));
        list.push(film("b"));
        assert!(has_next(&list));
        let entries = entries(state(&list));
        assert!(!entries[0].is_enabled && entries[1].is_enabled);
        assert_eq!(entries[0].tooltip, "Previous film: this is the first one");
        assert_eq!(entries[1].tooltip, "Next film (N)");
    }

    #[test]
    fn disabled_entries_give_the_reason() {
        let list = PlayList::default();
        let obstacle = Some(SpeedObstacle::NothingOpen);
        let nothing = State { is_open: false, has_picture: false, speed_obstacle: obstacle, ..state(&list) };
        for entry in entries(nothing) {
            assert!(!entry.is_enabled, "{entry:?}");
        }
        let step = entries(state(&list)).remove(0);
        assert_eq!(step.tooltip, "One frame back: only for a film on this machine that is set up");
        let speed = speed(State { speed_obstacle: Some(SpeedObstacle::Live), ..state(&list) });
        assert_eq!(speed.tooltip, "Speed: a live stream is played as it happens");
        let speed = super::speed(State { speed: Factor::from_thousandths(1_700), ..state(&list) });
        assert_eq!((speed.tooltip.as_str(), speed.label.as_deref()), ("Speed ([, ])", Some("1.7×")));
    }
}
