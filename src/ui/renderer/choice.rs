//! Choice between the graphics card and the processor, before the window is opened. The choice of the process is a
//! static, since iced creates its compositors without arguments.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::command_line::RendererOption;

/// Result of an earlier search for graphics cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCard {
    /// Drivers and devices of the system at that time, and the version of the program.
    pub system: String,
    /// Name of the graphics card that the window can use; `None` if there is none.
    pub name: Option<String>,
    /// Number of starts with the graphics card, since the last one that was successful, that did not reach the first
    /// frame.
    pub failed_starts: u32,
    /// Time of the search, in seconds since 1970.
    pub searched_at: u64,
}

/// Number of starts without a frame after which the graphics card is not tried again. One may be a coincidence, such as
/// a process that was ended.
const MAX_FAILED_STARTS: u32 = 2;

/// Facts about the program and the system on which the choice depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// False if the program was built without the feature `gpu`.
    pub is_supported: bool,
    /// False if the system certainly has no graphics card.
    pub may_have_card: bool,
    /// Result of the last search on this system; `None` if there was none.
    pub known: Option<KnownCard>,
}

/// Renderer of the window, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Graphics card with this name; `None` for whatever the system prefers.
    Gpu(Option<String>),
    /// Processor, for this reason.
    Software(Reason),
}

/// Reason for which the window is drawn by the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `--renderer software`.
    Requested,
    /// Build without the feature `gpu`.
    NotSupported,
    /// No graphics card.
    NoCard,
    /// Graphics card without a driver that the window can use.
    NoDriver,
    /// Starts with the graphics card did not reach the first frame.
    Failed,
    /// No search has been made yet; its result applies from the next start.
    NotSearched,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "as requested",
            Self::NotSupported => "this build uses no graphics cards",
            Self::NoCard => "there is no graphics card",
            Self::NoDriver => "no graphics card has a driver for Vulkan, Metal or DirectX 12",
            Self::Failed => {
                "the last starts with the graphics card showed nothing; --renderer gpu tries it again"
            }
            Self::NotSearched => "the next start uses the graphics card, if there is one",
        })
    }
}

/// Chooses a renderer.
pub fn choose(option: RendererOption, system: System) -> Choice {
    let known = match (option, system.is_supported, system.may_have_card, system.known) {
        (RendererOption::Software, ..) => return Choice::Software(Reason::Requested),
        (_, false, ..) => return Choice::Software(Reason::NotSupported),
        (RendererOption::Gpu, ..) => return Choice::Gpu(None),
        (RendererOption::Auto, _, false, _) => return Choice::Software(Reason::NoCard),
        (RendererOption::Auto, _, _, None) => return Choice::Software(Reason::NotSearched),
        (RendererOption::Auto, _, _, Some(known)) => known,
    };
    match known.name {
        None => Choice::Software(Reason::NoDriver),
        Some(_) if known.failed_starts >= MAX_FAILED_STARTS => Choice::Software(Reason::Failed),
        Some(name) => Choice::Gpu(Some(name)),
    }
}

/// Choice of this process.
static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Graphics card that draws the window of this process.
static CARD: OnceLock<String> = OnceLock::new();

/// Sets the choice of this process; the first one counts.
pub(super) fn set(choice: Choice) {
    CHOICE.get_or_init(|| choice);
}

/// Returns the choice of this process; `None` before there is one.
#[cfg(feature = "gpu")]
pub(super) fn get() -> Option<&'static Choice> {
    CHOICE.get()
}

/// Remembers the graphics card that the compositor uses.
#[cfg(feature = "gpu")]
pub(super) fn set_card(card: String) {
    CARD.get_or_init(|| card);
}

/// Returns the graphics card that draws the window, or that the processor does so and why, as the rest of a sentence
/// after "drawn by"; `None` before a renderer was chosen.
pub fn drawn_by() -> Option<String> {
    match (CARD.get(), CHOICE.get()?) {
        (Some(card), _) => Some(card.clone()),
        (None, Choice::Software(reason)) => Some(format!("the processor: {reason}")),
        (None, Choice::Gpu(_)) => Some("the processor: the graphics card cannot be used".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphics_card_is_used_if_it_is_known_to_work() {
        let card = |failed_starts| {
            let (system, name) = ("a".to_owned(), Some("Arc".to_owned()));
            KnownCard { system, name, failed_starts, searched_at: 0 }
        };
        let system = |known| System { is_supported: true, may_have_card: true, known };
        let auto = |system| choose(RendererOption::Auto, system);
        assert_eq!(auto(system(None)), Choice::Software(Reason::NotSearched));
        assert_eq!(auto(system(Some(card(0)))), Choice::Gpu(Some("Arc".to_owned())));
        assert_eq!(auto(system(Some(card(1)))), Choice::Gpu(Some("Arc".to_owned())));
        assert_eq!(auto(system(Some(card(2)))), Choice::Software(Reason::Failed));
        let without_driver = KnownCard { name: None, ..card(0) };
        assert_eq!(auto(system(Some(without_driver))), Choice::Software(Reason::NoDriver));
        let removed = System { may_have_card: false, ..system(Some(card(0))) };
        assert_eq!(auto(removed.clone()), Choice::Software(Reason::NoCard));
        // The option is stronger than what is known.
        assert_eq!(choose(RendererOption::Gpu, removed.clone()), Choice::Gpu(None));
        assert_eq!(choose(RendererOption::Gpu, system(Some(card(9)))), Choice::Gpu(None));
        assert_eq!(
            choose(RendererOption::Software, system(Some(card(0)))),
            Choice::Software(Reason::Requested)
        );
        let unsupported = System { is_supported: false, ..removed };
        assert_eq!(choose(RendererOption::Gpu, unsupported), Choice::Software(Reason::NotSupported));
    }
}
