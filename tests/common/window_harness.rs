//! The window with its widget state (focus, cursor position in fields), kept from one event to the next.

use iced::advanced::clipboard;
use iced::advanced::widget::operation::{self, Operation, Outcome};
use iced::keyboard::{self, Key};
use iced::widget::Id;
use iced::{Event, Renderer, Task, Theme, mouse, window};
use iced_test::futures::futures::{FutureExt, StreamExt};
use iced_test::runtime::user_interface::{Cache, UserInterface};
use iced_test::runtime::{Action, task};
use iced_test::selector::{self, Selector};
use iced_test::{Simulator, simulator};
use reelay::ui::{self, Message};

use super::app_harness::{AppHarness, DEFAULT_SIZE};

/// A window that receives keyboard and mouse events.
pub struct WindowHarness<'a> {
    pub harness: &'a mut AppHarness,
    cache: Cache,
    renderer: Renderer,
}

impl<'a> WindowHarness<'a> {
    pub fn new(harness: &'a mut AppHarness) -> Self {
        let settings = ui::iced_settings();
        let renderer = Renderer::new(settings.default_font, settings.default_text_size);
        Self { harness, cache: Cache::default(), renderer }
    }

    /// Sends a message to the application and runs the widget operations (focus, scrolling) of its task.
    pub fn send(&mut self, message: Message) {
        let task = self.harness.app.update(message);
        self.run_task(task);
    }

    /// Types a text, one key after the other.
    pub fn type_text(&mut self, text: &str) {
        for (at, letter) in text.char_indices() {
            let letter = &text[at..at + letter.len_utf8()];
            self.handle_events(simulator::typewrite(letter), mouse::Cursor::Unavailable);
        }
    }

    /// Presses and releases a key.
    pub fn press_key(&mut self, key: impl Into<Key>) {
        self.handle_events(simulator::tap_key(key, None), mouse::Cursor::Unavailable);
    }

    /// Clicks on this text.
    pub fn click(&mut self, label: &str) {
        let mut view = Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.harness.app.view());
        let bounds = view.find(label).unwrap().visible_bounds().unwrap();
        drop(view);
        self.handle_events(simulator::click(), mouse::Cursor::Available(bounds.center()));
    }

    /// Clicks on the field with this ID.
    pub fn click_field(&mut self, field: &'static str) {
        let mut view = Simulator::with_size(ui::iced_settings(), DEFAULT_SIZE, self.harness.app.view());
        let bounds = view.find(selector::id(Id::new(field))).unwrap().visible_bounds().unwrap();
        drop(view);
        self.handle_events(simulator::click(), mouse::Cursor::Available(bounds.center()));
    }

    /// Returns whether any part of this field is visible.
    pub fn is_field_visible(&mut self, field: &'static str) -> bool {
        let mut find = selector::id(Id::new(field)).find();
        self.with_window(|window, renderer| {
            window.operate(renderer, &mut operation::black_box(&mut find));
        });
        match find.finish() {
            Outcome::Some(Some(found)) => found.visible_bounds().is_some(),
            _ => panic!("there is no field {field}"),
        }
    }

    /// Selects the contents of the focused field.
    pub fn select_all(&mut self) {
        let modifiers = |modifiers| Event::Keyboard(keyboard::Event::ModifiersChanged(modifiers));
        let with = [modifiers(keyboard::Modifiers::COMMAND)];
        let without = [modifiers(keyboard::Modifiers::empty())];
        let events =
            with.into_iter().chain(simulator::tap_key(Key::Character("a".into()), None)).chain(without);
        self.handle_events(events, mouse::Cursor::Unavailable);
    }

    /// Requests a redraw of the window.
    pub fn redraw(&mut self) {
        let redrawn = window::Event::RedrawRequested(std::time::Instant::now());
        self.handle_events([Event::Window(redrawn)].into_iter(), mouse::Cursor::Unavailable);
    }

    fn handle_events(&mut self, events: impl Iterator<Item = Event>, cursor: mouse::Cursor) {
        let events: Vec<_> = events.collect();
        let messages = self.with_window(|window, renderer| {
            let mut messages = Vec::new();
            let _ = window.update(&events, cursor, renderer, &mut clipboard::Null, &mut messages);
            messages
        });
        messages.into_iter().for_each(|message| self.send(message));
    }

    fn with_window<T>(
        &mut self,
        act: impl FnOnce(&mut UserInterface<'_, Message, Theme, Renderer>, &mut Renderer) -> T,
    ) -> T {
        let cache = std::mem::take(&mut self.cache);
        let mut window =
            UserInterface::build(self.harness.app.view(), DEFAULT_SIZE, cache, &mut self.renderer);
        let result = act(&mut window, &mut self.renderer);
        self.cache = window.into_cache();
        result
    }

    /// Runs the messages and widget operations of a task that are ready; all other actions are ignored.
    fn run_task(&mut self, task: Task<Message>) {
        let Some(mut actions) = task::into_stream(task) else { return };
        while let Some(Some(action)) = actions.next().now_or_never() {
            match action {
                Action::Output(message) => self.send(message),
                Action::Widget(operation) => {
                    let mut next = Some(operation);
                    while let Some(mut operation) = next.take() {
                        self.with_window(|window, renderer| window.operate(renderer, operation.as_mut()));
                        if let Outcome::Chain(chained) = operation.finish() {
                            next = Some(chained);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
