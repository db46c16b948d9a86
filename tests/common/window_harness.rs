//! The window with its widget state (focus, cursor position in fields), kept from one event to the next.

use iced::advanced::clipboard;
use iced::advanced::renderer::Headless;
use iced::advanced::widget::operation::Focusable;
use iced::advanced::widget::operation::{self, Operation, Outcome};
use iced::keyboard::key::{Named, NativeCode, Physical};
use iced::keyboard::{self, Key};
use iced::widget::Id;
use iced::{Event, Rectangle, Task, Theme, event, mouse, window};
use iced_test::futures::futures::{FutureExt, StreamExt};
use iced_test::runtime::user_interface::{Cache, UserInterface};
use iced_test::runtime::{Action, task};
use iced_test::selector::{self, Selector};
use iced_test::{Simulator, simulator};
use reelay::ui::{self, Message, Renderer};

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
        let renderer =
            <Renderer as Headless>::new(settings.default_font, settings.default_text_size, Some("tiny-skia"));
        let renderer = renderer.now_or_never().flatten().expect("renderer needs no display");
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

    /// Presses and releases a named key together with these modifiers; returns true if a widget has used it.
    pub fn press_with(&mut self, key: Named, modifiers: keyboard::Modifiers) -> bool {
        let key = Key::Named(key);
        let press = keyboard::Event::KeyPressed {
            key: key.clone(),
            modified_key: key.clone(),
            physical_key: Physical::Unidentified(NativeCode::Unidentified),
            location: keyboard::Location::Standard,
            modifiers,
            text: None,
            repeat: false,
        };
        let statuses = self.handle_events(
            [Event::Keyboard(press), simulator::release_key(key)].into_iter(),
            mouse::Cursor::Unavailable,
        );
        statuses.first() == Some(&event::Status::Captured)
    }

    /// Presses Tab this many times.
    pub fn tab(&mut self, times: usize) {
        (0..times).for_each(|_| assert!(self.press_with(Named::Tab, keyboard::Modifiers::empty())));
    }

    /// Presses Shift+Tab this many times.
    pub fn shift_tab(&mut self, times: usize) {
        (0..times).for_each(|_| assert!(self.press_with(Named::Tab, keyboard::Modifiers::SHIFT)));
    }

    /// Presses Tab until the field or control with this name has the focus.
    ///
    /// # Panics
    /// Panics if Tab does not reach it.
    pub fn tab_to(&mut self, name: &str) {
        let reached = (0..100).any(|_| {
            self.tab(1);
            self.focused().as_deref() == Some(name)
        });
        assert!(reached, "Tab does not reach {name}");
    }

    /// Returns the name of the field or control with the focus: its id, its text, or the id of the container around it.
    pub fn focused(&mut self) -> Option<String> {
        let mut stops = Stops::default();
        self.with_window(|window, renderer| {
            window.operate(renderer, &mut operation::black_box(&mut stops));
        });
        let mut focused = stops.stops.into_iter().filter(|stop| stop.is_focused);
        let name = focused.next().map(|stop| stop.name);
        assert!(focused.next().is_none(), "two controls have the focus");
        name
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

    /// Returns true if any part of this field is visible.
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

    /// Returns true if any part of this text is visible.
    pub fn is_text_visible(&mut self, text: &'static str) -> bool {
        let mut find = Selector::find(text);
        self.with_window(|window, renderer| {
            window.operate(renderer, &mut operation::black_box(&mut find));
        });
        match find.finish() {
            Outcome::Some(Some(found)) => found.visible_bounds().is_some(),
            _ => panic!("there is no text {text}"),
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

    /// Delivers events to the widgets, and the messages of these to the application; returns which were used.
    fn handle_events(
        &mut self,
        events: impl Iterator<Item = Event>,
        cursor: mouse::Cursor,
    ) -> Vec<event::Status> {
        let events: Vec<_> = events.collect();
        let (statuses, messages) = self.with_window(|window, renderer| {
            let mut messages = Vec::new();
            let (_, statuses) = window.update(&events, cursor, renderer, &mut clipboard::Null, &mut messages);
            (statuses, messages)
        });
        messages.into_iter().for_each(|message| self.send(message));
        statuses
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

/// Operation that lists the fields and controls that can have the focus.
#[derive(Default)]
struct Stops {
    stops: Vec<Stop>,
    /// Id and bounds of the last container with an id.
    container: Option<(String, Rectangle)>,
}

struct Stop {
    name: String,
    bounds: Rectangle,
    is_focused: bool,
    is_named: bool,
}

impl Operation for Stops {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        operate(self);
    }

    fn container(&mut self, id: Option<&Id>, bounds: Rectangle) {
        self.container = id.map(|id| (id_text(id), bounds)).or_else(|| self.container.take());
    }

    fn focusable(&mut self, id: Option<&Id>, bounds: Rectangle, state: &mut dyn Focusable) {
        let around = self.container.iter().filter(|(_, around)| bounds.is_within(around));
        let name = id.map(id_text).or_else(|| around.map(|(id, _)| id.clone()).next());
        self.stops.push(Stop {
            name: name.unwrap_or_default(),
            bounds,
            is_focused: state.is_focused(),
            is_named: id.is_some(),
        });
    }

    // The content of a control is visited after the control.
    fn text(&mut self, _: Option<&Id>, bounds: Rectangle, text: &str) {
        if let Some(stop) = self.stops.last_mut()
            && !stop.is_named
            && bounds.is_within(&stop.bounds)
        {
            (stop.name, stop.is_named) = (text.to_owned(), true);
        }
    }
}

/// Returns the text of an id, which iced shows for debugging only.
fn id_text(id: &Id) -> String {
    let shown = format!("{id:?}");
    shown.split('"').nth(1).unwrap_or_default().to_owned()
}
