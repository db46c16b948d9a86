//! Movement of the keyboard focus through a window, by Tab, the arrow keys and Escape, and scrolling by keys.

use std::any::Any;

use iced::advanced::Shell;
use iced::advanced::widget::Id;
use iced::advanced::widget::operation::{Focusable, Operation, Scrollable, TextInput};
use iced::keyboard::{self, Key, key::Named};
use iced::{Event, Rectangle, Vector, mouse, touch, window};

use super::focus::{FocusStep, advance, drop_control_focus, focus_first};
use super::focusable::ControlFocus;
use super::scroll_keys::{ScrollStep, scroll};
use super::wrapper::{Behaviour, Content, Wrapper};
use crate::ui::renderer::Element;

/// Wraps the content of a window. Tab and Shift+Tab move the focus through its text fields and controls, Up and Down
/// through the rows of a list or the lines of a menu, Home and End to the ends of a menu, and Escape takes it from a
/// control unless a dialog or a menu is open. The first line of a menu that was opened by a key has the focus. Keys
/// that nothing else uses scroll.
pub fn focus_layer<'a, Message: Clone + 'a>(
    content: impl Into<Element<'a, Message>>,
    settings: FocusLayer<Message>,
) -> Element<'a, Message> {
    Wrapper::element(content, settings)
}

/// Settings of the [`focus_layer`].
pub struct FocusLayer<Message> {
    /// Message when Escape was pressed in a text field, which loses the focus by it.
    pub on_field_escape: Message,
    /// Message of Tab, and of each key that a control uses; `None` for no message.
    pub on_focus_key: Option<Message>,
    /// A dialog is open, in which Home and End scroll.
    pub has_dialog: bool,
    /// A menu is open, through whose lines Up, Down, Home and End move.
    pub has_menu: bool,
}

impl<Message: Clone> FocusLayer<Message> {
    fn publish_focus_key(&self, shell: &mut Shell<'_, Message>) {
        if let Some(message) = &self.on_focus_key {
            shell.publish(message.clone());
        }
    }
}

impl<Message: Clone> Behaviour<Message> for FocusLayer<Message> {
    type State = LastPress;

    fn before(
        &mut self,
        last_press: &mut LastPress,
        event: &Event,
        content: &mut Content<'_, '_, Message>,
        shell: &mut Shell<'_, Message>,
    ) -> bool {
        last_press.handle_event(event);
        if self.has_menu && last_press.is_key && is_redraw(event) {
            focus_first(&mut |operation| content.operate(operation));
        }
        if matches!(pressed_key(event), Some((Named::Tab, _))) {
            self.publish_focus_key(shell);
        }
        let mut operate = |operation: &mut dyn Operation| content.operate(operation);
        let is_handled = match pressed_key(event) {
            Some((Named::Tab, true)) => advance(FocusStep::Previous, &mut operate),
            Some((Named::Tab, false)) => advance(FocusStep::Next, &mut operate),
            // Escape closes a dialog or a menu, whichever of its controls has the focus.
            Some((Named::Escape, _)) if !self.has_dialog && !self.has_menu => {
                drop_control_focus(&mut operate)
            }
            _ => false,
        };
        if is_handled {
            shell.capture_event();
            shell.request_redraw();
        }
        !is_handled
    }

    fn after(
        &mut self,
        _: &mut LastPress,
        event: &Event,
        content: &mut Content<'_, '_, Message>,
        shell: &mut Shell<'_, Message>,
    ) {
        let Some((key, _)) = pressed_key(event) else { return };
        if shell.is_event_captured() {
            self.publish_focus_key(shell);
            if key == Named::Escape {
                shell.publish(self.on_field_escape.clone());
            }
            return;
        }
        let mut operate = |operation: &mut dyn Operation| content.operate(operation);
        let has_moved = match (key, self.has_menu) {
            (Named::ArrowUp, true) => advance(FocusStep::Previous, &mut operate),
            (Named::ArrowDown, true) => advance(FocusStep::Next, &mut operate),
            (Named::Home, true) => advance(FocusStep::First, &mut operate),
            (Named::End, true) => advance(FocusStep::Last, &mut operate),
            (Named::ArrowUp, false) => advance(FocusStep::PreviousRow, &mut operate),
            (Named::ArrowDown, false) => advance(FocusStep::NextRow, &mut operate),
            _ => false,
        };
        let step = ScrollStep::of_key(key, self.has_dialog);
        if has_moved || step.is_some_and(|step| scroll(step, &mut operate)) {
            shell.capture_event();
            shell.request_redraw();
        }
    }
}

/// Device whose key or button was pressed last.
#[derive(Default)]
pub struct LastPress {
    /// True for the keyboard.
    is_key: bool,
}

impl LastPress {
    fn handle_event(&mut self, event: &Event) {
        match event {
            Event::Keyboard(keyboard::Event::KeyPressed { .. }) => self.is_key = true,
            Event::Mouse(mouse::Event::ButtonPressed(_))
            | Event::Touch(touch::Event::FingerPressed { .. }) => self.is_key = false,
            _ => {}
        }
    }
}

fn is_redraw(event: &Event) -> bool {
    matches!(event, Event::Window(window::Event::RedrawRequested(_)))
}

/// Returns the named key of a key press without Ctrl, Alt and Super, and whether Shift is held.
fn pressed_key(event: &Event) -> Option<(Named, bool)> {
    match event {
        Event::Keyboard(keyboard::Event::KeyPressed { key: Key::Named(named), modifiers, .. })
            if !modifiers.control() && !modifiers.alt() && !modifiers.logo() =>
        {
            Some((*named, modifiers.shift()))
        }
        _ => None,
    }
}

/// Wraps what is behind a dialog. While `is_covered` is true it receives no keys, and operations find no text field, no
/// control and no scrolled area in it that they could move the focus to; which one has the focus stays until it is
/// uncovered.
pub fn covered<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    is_covered: bool,
) -> Element<'a, Message> {
    Wrapper::element(content, Background { is_covered })
}

struct Background {
    is_covered: bool,
}

/// State of [`covered`], of which there is none. A type of its own tells its content from that of other widgets.
#[derive(Default)]
struct BackgroundState;

impl<Message> Behaviour<Message> for Background {
    type State = BackgroundState;

    fn before(
        &mut self,
        _: &mut BackgroundState,
        event: &Event,
        _: &mut Content<'_, '_, Message>,
        _: &mut Shell<'_, Message>,
    ) -> bool {
        !(self.is_covered && matches!(event, Event::Keyboard(keyboard::Event::KeyPressed { .. })))
    }

    fn operate(
        &mut self,
        _: &mut BackgroundState,
        content: &mut Content<'_, '_, Message>,
        operation: &mut dyn Operation,
    ) {
        match self.is_covered {
            true => content.operate(&mut WithoutFocus { operation }),
            false => content.operate(operation),
        }
    }
}

/// Operation that passes over everything that can have the focus or be scrolled.
struct WithoutFocus<'a> {
    operation: &'a mut dyn Operation,
}

impl Operation for WithoutFocus<'_> {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        self.operation.traverse(&mut |operation| operate(&mut WithoutFocus { operation }));
    }

    fn container(&mut self, id: Option<&Id>, bounds: Rectangle) {
        self.operation.container(id, bounds);
    }

    fn scrollable(&mut self, _: Option<&Id>, _: Rectangle, _: Rectangle, _: Vector, _: &mut dyn Scrollable) {}

    fn focusable(&mut self, _: Option<&Id>, _: Rectangle, _: &mut dyn Focusable) {}

    fn text_input(&mut self, _: Option<&Id>, _: Rectangle, _: &mut dyn TextInput) {}

    fn text(&mut self, id: Option<&Id>, bounds: Rectangle, text: &str) {
        self.operation.text(id, bounds, text);
    }

    fn custom(&mut self, id: Option<&Id>, bounds: Rectangle, state: &mut dyn Any) {
        if !state.is::<ControlFocus>() {
            self.operation.custom(id, bounds, state);
        }
    }
}
