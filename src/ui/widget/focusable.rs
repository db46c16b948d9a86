//! Control that the Tab key reaches: it shows a ring while it has the focus, and then keys act on it.

use iced::advanced::widget::operation::{Focusable, Operation};
use iced::advanced::{Renderer as _, Shell, renderer};
use iced::keyboard::{self, Key, Modifiers, key::Named};
use iced::{Border, Color, Event, Rectangle, Theme, mouse, touch, widget::Id};

use super::wrapper::{Behaviour, Content, Wrapper};
use crate::ui::renderer::{Element, Renderer};
use crate::ui::theme;

/// Key that can act on a control with the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKey {
    /// Enter or Space.
    Press,
    /// Left and Right arrow: this many steps to the right, negative to the left; ten with Shift.
    Horizontal(i8),
    /// Up and Down arrow: this many steps up, negative for down; ten with Shift.
    Vertical(i8),
    /// Home.
    First,
    /// End.
    Last,
    /// Alt with Up or Down arrow: true for down.
    Move(bool),
    /// Delete.
    Delete,
}

/// Effect of a key on a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEffect<Message> {
    /// The control has no use for the key, which may then be a shortcut.
    Ignored,
    /// The control uses the key, which changes nothing now.
    Nothing,
    /// The control publishes this message.
    Publish(Message),
}

/// Number of steps of an arrow key with Shift.
const FAST_STEPS: i8 = 10;

/// Returns a control that Tab reaches if `is_enabled` is true; `on_key` is called for keys while it has the focus. A
/// click takes the focus away.
pub fn focusable<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    is_enabled: bool,
    on_key: impl Fn(ControlKey) -> KeyEffect<Message> + 'a,
) -> Element<'a, Message> {
    focusable_with_id(content, None, is_enabled, on_key)
}

/// Returns a control as [`focusable`] does, with an id by which operations find it.
pub fn focusable_with_id<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    id: Option<Id>,
    is_enabled: bool,
    on_key: impl Fn(ControlKey) -> KeyEffect<Message> + 'a,
) -> Element<'a, Message> {
    Wrapper::element(content, Control { id, is_row: false, is_enabled, on_key: Box::new(on_key) })
}

/// Returns a row of a list. Tab moves to the list and past it, Up and Down move from row to row, and Enter or Space
/// publishes `on_press`.
pub fn focusable_row<'a, Message: Clone + 'a>(
    content: impl Into<Element<'a, Message>>,
    on_press: Message,
) -> Element<'a, Message> {
    let on_key = Box::new(move |key| press_effect(key, Some(&on_press)));
    Wrapper::element(content, Control { id: None, is_row: true, is_enabled: true, on_key })
}

/// Returns the effect of a key on a control that can only be pressed.
pub fn press_effect<Message: Clone>(key: ControlKey, on_press: Option<&Message>) -> KeyEffect<Message> {
    match (key, on_press) {
        (ControlKey::Press, Some(message)) => KeyEffect::Publish(message.clone()),
        _ => KeyEffect::Ignored,
    }
}

/// Function that returns the effect of a key.
type OnKey<'a, Message> = Box<dyn Fn(ControlKey) -> KeyEffect<Message> + 'a>;

struct Control<'a, Message> {
    id: Option<Id>,
    is_row: bool,
    is_enabled: bool,
    on_key: OnKey<'a, Message>,
}

/// Focus of a control. Operations receive it as a custom state, also for a disabled control, which may have been
/// enabled when it received the focus.
#[derive(Debug, Default)]
pub struct ControlFocus {
    is_focused: bool,
    /// The control can be used.
    pub is_enabled: bool,
    /// The control is a row of a list.
    pub is_row: bool,
}

impl Focusable for ControlFocus {
    fn is_focused(&self) -> bool {
        self.is_focused
    }

    fn focus(&mut self) {
        self.is_focused = true;
    }

    fn unfocus(&mut self) {
        self.is_focused = false;
    }
}

impl<Message> Behaviour<Message> for Control<'_, Message> {
    type State = ControlFocus;

    fn before(
        &mut self,
        state: &mut ControlFocus,
        event: &Event,
        _: &mut Content<'_, '_, Message>,
        shell: &mut Shell<'_, Message>,
    ) -> bool {
        match event {
            Event::Mouse(mouse::Event::ButtonPressed(_))
            | Event::Touch(touch::Event::FingerPressed { .. })
                if state.is_focused =>
            {
                state.is_focused = false;
                shell.request_redraw();
            }
            Event::Keyboard(event) if state.is_focused && self.is_enabled => {
                return !self.handle_key(event, shell);
            }
            _ => {}
        }
        true
    }

    fn operate(
        &mut self,
        state: &mut ControlFocus,
        content: &mut Content<'_, '_, Message>,
        operation: &mut dyn Operation,
    ) {
        (state.is_enabled, state.is_row) = (self.is_enabled, self.is_row);
        operation.custom(self.id.as_ref(), content.bounds(), state);
        if self.is_enabled {
            operation.focusable(self.id.as_ref(), content.bounds(), state);
        }
        content.operate(operation);
    }

    fn draw(
        &self,
        state: &ControlFocus,
        renderer: &mut Renderer,
        theme: &Theme,
        bounds: Rectangle,
        visible: Rectangle,
    ) {
        if state.is_focused && self.is_enabled {
            draw_ring(renderer, theme, bounds, visible);
        }
    }
}

impl<Message> Control<'_, Message> {
    /// Handles a key press; returns true if the control uses the key.
    fn handle_key(&self, event: &keyboard::Event, shell: &mut Shell<'_, Message>) -> bool {
        let keyboard::Event::KeyPressed { key, modifiers, repeat, .. } = event else { return false };
        let Some(key) = control_key(key, *modifiers) else { return false };
        match (self.on_key)(key) {
            KeyEffect::Ignored => return false,
            // A held key does not press or delete again.
            KeyEffect::Publish(_) if *repeat && matches!(key, ControlKey::Press | ControlKey::Delete) => {}
            KeyEffect::Publish(message) => shell.publish(message),
            KeyEffect::Nothing => {}
        }
        shell.capture_event();
        true
    }
}

fn control_key(key: &Key, modifiers: Modifiers) -> Option<ControlKey> {
    let Key::Named(named) = key else { return None };
    if modifiers == Modifiers::ALT {
        return match named {
            Named::ArrowUp => Some(ControlKey::Move(false)),
            Named::ArrowDown => Some(ControlKey::Move(true)),
            _ => None,
        };
    }
    if modifiers.command() || modifiers.control() || modifiers.alt() || modifiers.logo() {
        return None;
    }
    let steps = if modifiers.shift() { FAST_STEPS } else { 1 };
    Some(match named {
        Named::Enter | Named::Space => ControlKey::Press,
        Named::ArrowRight => ControlKey::Horizontal(steps),
        Named::ArrowLeft => ControlKey::Horizontal(-steps),
        Named::ArrowUp => ControlKey::Vertical(steps),
        Named::ArrowDown => ControlKey::Vertical(-steps),
        Named::Home => ControlKey::First,
        Named::End => ControlKey::Last,
        Named::Delete => ControlKey::Delete,
        _ => return None,
    })
}

/// Distance between the edge of a control and the outer edge of its ring, in logical pixels.
const RING_DISTANCE: f32 = 3.0;

/// Width of the ring in logical pixels. One pixel remains between ring and control.
const RING_WIDTH: f32 = 2.0;

/// Draws the ring around a control, or at the edge of the visible part where there is no space around it.
fn draw_ring(renderer: &mut Renderer, theme: &Theme, bounds: Rectangle, visible: Rectangle) {
    let Some(bounds) = bounds.expand(RING_DISTANCE).intersection(&visible) else { return };
    let ring = renderer::Quad {
        bounds,
        border: Border {
            color: theme::colours(theme).focus,
            width: RING_WIDTH,
            radius: (theme::RADIUS + RING_DISTANCE).into(),
        },
        ..renderer::Quad::default()
    };
    renderer.fill_quad(ring, Color::TRANSPARENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_ctrl_are_left_to_the_shortcuts() {
        let space = Key::Named(Named::Space);
        assert_eq!(control_key(&space, Modifiers::empty()), Some(ControlKey::Press));
        assert_eq!(control_key(&space, Modifiers::CTRL), None);
        let left = Key::Named(Named::ArrowLeft);
        assert_eq!(control_key(&left, Modifiers::empty()), Some(ControlKey::Horizontal(-1)));
        assert_eq!(control_key(&left, Modifiers::SHIFT), Some(ControlKey::Horizontal(-10)));
        assert_eq!(control_key(&Key::Character("s".into()), Modifiers::empty()), None);
        let down = Key::Named(Named::ArrowDown);
        assert_eq!(control_key(&down, Modifiers::ALT), Some(ControlKey::Move(true)));
        assert_eq!(control_key(&down, Modifiers::ALT | Modifiers::SHIFT), None);
        assert_eq!(control_key(&left, Modifiers::ALT), None);
    }
}
