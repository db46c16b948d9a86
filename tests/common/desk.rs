//! The window as somebody sits in front of it: where the cursor is, is known from one key to the next.

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

use super::stage::{Stage, USUAL};

/// Somebody in front of the window.
pub struct Desk<'a> {
    pub stage: &'a mut Stage,
    cache: Cache,
    renderer: Renderer,
}

impl<'a> Desk<'a> {
    pub fn new(stage: &'a mut Stage) -> Self {
        let settings = ui::settings();
        let renderer = Renderer::new(settings.default_font, settings.default_text_size);
        Self { stage, cache: Cache::default(), renderer }
    }

    /// Gives the application a message, and moves the cursor where it is wanted.
    pub fn send(&mut self, message: Message) {
        let task = self.stage.app.update(message);
        self.perform(task);
    }

    /// Types, key by key.
    pub fn write(&mut self, words: &str) {
        for (at, letter) in words.char_indices() {
            let letter = &words[at..at + letter.len_utf8()];
            self.happen(simulator::typewrite(letter), mouse::Cursor::Unavailable);
        }
    }

    /// Presses a key and lets it go.
    pub fn tap(&mut self, key: impl Into<Key>) {
        self.happen(simulator::tap_key(key, None), mouse::Cursor::Unavailable);
    }

    /// Clicks on the words.
    pub fn click(&mut self, words: &str) {
        let mut seen = Simulator::with_size(ui::settings(), USUAL, self.stage.app.view());
        let bounds = seen.find(words).unwrap().visible_bounds().unwrap();
        drop(seen);
        self.happen(simulator::click(), mouse::Cursor::Available(bounds.center()));
    }

    /// Clicks on the field that is called so.
    pub fn click_on(&mut self, field: &'static str) {
        let mut seen = Simulator::with_size(ui::settings(), USUAL, self.stage.app.view());
        let bounds = seen.find(selector::id(Id::new(field))).unwrap().visible_bounds().unwrap();
        drop(seen);
        self.happen(simulator::click(), mouse::Cursor::Available(bounds.center()));
    }

    /// Whether any of this field can be seen.
    pub fn sees(&mut self, field: &'static str) -> bool {
        let mut find = selector::id(Id::new(field)).find();
        self.with_window(|window, renderer| {
            window.operate(renderer, &mut operation::black_box(&mut find));
        });
        match find.finish() {
            Outcome::Some(Some(found)) => found.visible_bounds().is_some(),
            _ => panic!("there is no field {field}"),
        }
    }

    /// Selects what stands in the field that has the cursor.
    pub fn select_all(&mut self) {
        let modifiers = |modifiers| Event::Keyboard(keyboard::Event::ModifiersChanged(modifiers));
        let with = [modifiers(keyboard::Modifiers::COMMAND)];
        let without = [modifiers(keyboard::Modifiers::empty())];
        let events =
            with.into_iter().chain(simulator::tap_key(Key::Character("a".into()), None)).chain(without);
        self.happen(events, mouse::Cursor::Unavailable);
    }

    /// Another frame is drawn.
    pub fn pass(&mut self) {
        let redrawn = window::Event::RedrawRequested(std::time::Instant::now());
        self.happen([Event::Window(redrawn)].into_iter(), mouse::Cursor::Unavailable);
    }

    fn happen(&mut self, events: impl Iterator<Item = Event>, cursor: mouse::Cursor) {
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
        let mut window = UserInterface::build(self.stage.app.view(), USUAL, cache, &mut self.renderer);
        let result = act(&mut window, &mut self.renderer);
        self.cache = window.into_cache();
        result
    }

    /// What is wanted outside the window is not done, and not waited for.
    fn perform(&mut self, task: Task<Message>) {
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
