//! Buttons, switches and sliders that can be used with the mouse and with the keyboard.
//!
//! They are called as those of iced, which react to the mouse only, and are used instead of them everywhere.

use std::ops::RangeInclusive;

use iced::widget::{self, Id};
use iced::{Length, Padding, Theme};

use super::focusable::{ControlKey, KeyEffect, focusable, focusable_with_id, press_effect};
use crate::ui::renderer::{self, Element};

/// Returns a button, which is disabled until it has a message.
pub fn button<'a, Message: Clone + 'a>(content: impl Into<Element<'a, Message>>) -> Button<'a, Message> {
    Button { button: widget::button(content), id: None, on_press: None, on_key: None }
}

/// Returns a switch with two positions.
pub fn toggler<'a, Message: 'a>(
    is_on: bool,
    on_toggle: impl Fn(bool) -> Message + Clone + 'a,
) -> Toggler<'a, Message> {
    let toggler = widget::toggler(is_on).on_toggle(on_toggle.clone());
    Toggler { toggler, is_on, on_toggle: Box::new(on_toggle) }
}

/// Returns a slider. Until [`Slider::on_step`], keys do not move it.
pub fn slider<'a, Message: Clone + 'a>(
    range: RangeInclusive<f64>,
    value: f64,
    on_change: impl Fn(f64) -> Message + 'a,
) -> Slider<'a, Message> {
    Slider { slider: widget::slider(range, value, on_change), id: None, is_enabled: true, on_step: None }
}

/// Button; see [`button`].
pub struct Button<'a, Message> {
    button: renderer::Button<'a, Message>,
    id: Option<Id>,
    on_press: Option<Message>,
    on_key: Option<Box<dyn Fn(ControlKey) -> Option<Message> + 'a>>,
}

#[allow(missing_docs)]
impl<'a, Message: Clone + 'a> Button<'a, Message> {
    /// Sets the id by which operations find the button.
    pub fn id(self, id: impl Into<Id>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        Self { button: self.button.padding(padding), ..self }
    }

    pub fn width(self, width: impl Into<Length>) -> Self {
        Self { button: self.button.width(width), ..self }
    }

    pub fn height(self, height: impl Into<Length>) -> Self {
        Self { button: self.button.height(height), ..self }
    }

    pub fn style(self, style: impl Fn(&Theme, widget::button::Status) -> widget::button::Style + 'a) -> Self {
        Self { button: self.button.style(style), ..self }
    }

    pub fn on_press(self, message: Message) -> Self {
        self.on_press_maybe(Some(message))
    }

    pub fn on_press_maybe(self, on_press: Option<Message>) -> Self {
        Self { button: self.button.on_press_maybe(on_press.clone()), on_press, ..self }
    }

    /// Sets the messages of further keys, which act while the button has the focus; `None` leaves a key to others.
    pub fn on_key(self, on_key: impl Fn(ControlKey) -> Option<Message> + 'a) -> Self {
        Self { on_key: Some(Box::new(on_key)), ..self }
    }
}

impl<'a, Message: Clone + 'a> From<Button<'a, Message>> for Element<'a, Message> {
    fn from(Button { button, id, on_press, on_key }: Button<'a, Message>) -> Self {
        focusable_with_id(button, id, on_press.is_some(), move |key| {
            match on_key.as_ref().and_then(|on_key| on_key(key)) {
                Some(message) => KeyEffect::Publish(message),
                None => press_effect(key, on_press.as_ref()),
            }
        })
    }
}

/// Switch; see [`toggler`].
pub struct Toggler<'a, Message> {
    toggler: renderer::Toggler<'a, Message>,
    is_on: bool,
    on_toggle: Box<dyn Fn(bool) -> Message + 'a>,
}

#[allow(missing_docs)]
impl<'a, Message: 'a> Toggler<'a, Message> {
    pub fn size(self, size: f32) -> Self {
        Self { toggler: self.toggler.size(size), ..self }
    }

    pub fn style(
        self,
        style: impl Fn(&Theme, widget::toggler::Status) -> widget::toggler::Style + 'a,
    ) -> Self {
        Self { toggler: self.toggler.style(style), ..self }
    }
}

impl<'a, Message: 'a> From<Toggler<'a, Message>> for Element<'a, Message> {
    fn from(Toggler { toggler, is_on, on_toggle }: Toggler<'a, Message>) -> Self {
        focusable(toggler, true, move |key| match key {
            ControlKey::Press => KeyEffect::Publish(on_toggle(!is_on)),
            _ => KeyEffect::Ignored,
        })
    }
}

/// Slider; see [`slider`].
pub struct Slider<'a, Message> {
    slider: widget::Slider<'a, f64, Message>,
    id: Option<Id>,
    is_enabled: bool,
    on_step: Option<Box<dyn Fn(SliderStep) -> Message + 'a>>,
}

/// Movement of a slider by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliderStep {
    /// By this many steps, negative to the left.
    By(i8),
    /// To the left end.
    Start,
    /// To the right end.
    End,
}

#[allow(missing_docs)]
impl<'a, Message: Clone + 'a> Slider<'a, Message> {
    /// Sets the id by which operations find the slider.
    pub fn id(self, id: impl Into<Id>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Sets the smallest difference of two values.
    pub fn step(self, step: f64) -> Self {
        Self { slider: self.slider.step(step), ..self }
    }

    /// Sets whether Tab reaches the slider. The mouse moves a disabled slider nevertheless: iced has no disabled one.
    pub fn enabled(self, is_enabled: bool) -> Self {
        Self { is_enabled, ..self }
    }

    /// Sets the message of an arrow key, Home and End, which move the slider while it has the focus.
    pub fn on_step(self, on_step: impl Fn(SliderStep) -> Message + 'a) -> Self {
        Self { on_step: Some(Box::new(on_step)), ..self }
    }

    pub fn on_release(self, on_release: Message) -> Self {
        Self { slider: self.slider.on_release(on_release), ..self }
    }

    pub fn width(self, width: impl Into<Length>) -> Self {
        Self { slider: self.slider.width(width), ..self }
    }

    pub fn height(self, height: f32) -> Self {
        Self { slider: self.slider.height(height), ..self }
    }

    pub fn style(self, style: impl Fn(&Theme, widget::slider::Status) -> widget::slider::Style + 'a) -> Self {
        Self { slider: self.slider.style(style), ..self }
    }
}

impl<'a, Message: Clone + 'a> From<Slider<'a, Message>> for Element<'a, Message> {
    fn from(Slider { slider, id, is_enabled, on_step }: Slider<'a, Message>) -> Self {
        focusable_with_id(slider, id, is_enabled, move |key| {
            let step = match key {
                ControlKey::Horizontal(steps) | ControlKey::Vertical(steps) => SliderStep::By(steps),
                ControlKey::First => SliderStep::Start,
                ControlKey::Last => SliderStep::End,
                ControlKey::Press | ControlKey::Move(_) | ControlKey::Delete => return KeyEffect::Ignored,
            };
            on_step.as_ref().map_or(KeyEffect::Ignored, |on_step| KeyEffect::Publish(on_step(step)))
        })
    }
}
