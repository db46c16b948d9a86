//! The Network panel: a bad network to try.

use iced::widget::{Column, Text, button, column, container, row, slider, space, text, text_input, toggler};
use iced::{Center, Element, Fill};

use super::knob::Knob;
use super::leaving::leaving;
use super::preferences::choices;
use super::theme::{self, size, space as distance};
use crate::format::count;
use crate::impairment::{Conditions, Distribution, Emulated, Impairments, PRESETS, Preset};

/// What is set, and what has been typed and not understood yet.
#[derive(Debug)]
pub struct Panel {
    conditions: Conditions,
    /// Octets that may wait, while there is no limit for them to wait before.
    queue: u32,
    /// The field that is being typed into.
    typed: Option<(Field, String)>,
}

/// A field that can be typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// That of a slider.
    Knob(Knob),
    /// Where chance begins.
    Seed,
}

/// What happens in the panel.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Switch(bool),
    Slide(Knob, f32),
    Type(Field, String),
    /// The cursor is in this field no more.
    Leave(Field),
    /// Enter was pressed in this field.
    Enter(Field),
    Distribution(Distribution),
    Reorders(bool),
    Preset(&'static Preset),
    NewSeed,
    Reset,
}

/// The master switch has no words, and needs a name.
const SWITCH: &str = "network-switch";

/// Seeds by chance are below this, so that people can read and type them.
const SEEDS: u64 = 1_000_000;

/// Room for what has become of the packets, so that nothing moves when there is more to say.
const TWO_LINES: f32 = 2.0 * 1.3 * size::SMALL + 2.0;

/// How high a slider is.
const SLIDER: f32 = 16.0;

/// Octets that may wait before anything was set.
const QUEUE: u32 = 64 * 1024;

impl Default for Panel {
    fn default() -> Self {
        Self { conditions: Conditions { seed: 1, ..Conditions::default() }, queue: QUEUE, typed: None }
    }
}

impl Panel {
    /// What is set.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Takes what happened; what is to be set if that is something else now.
    pub fn update(&mut self, message: Message) -> Option<Conditions> {
        let before = self.conditions;
        let is_done = match &message {
            Message::Type(..) => false,
            // It may be that the next one is typed into already.
            Message::Leave(left) | Message::Enter(left) => {
                self.typed.as_ref().is_some_and(|(typed, _)| typed == left)
            }
            _ => true,
        };
        if is_done {
            self.typed = None;
        }
        match message {
            Message::Switch(is_on) => self.conditions.is_on = is_on,
            Message::Slide(knob, position) => self.set(knob, knob.at(position)),
            Message::Type(field, words) => self.type_into(field, words),
            Message::Leave(_) | Message::Enter(_) => {}
            Message::Distribution(distribution) => {
                self.conditions.impairments.jitter.distribution = distribution;
            }
            Message::Reorders(reorders) => self.conditions.impairments.jitter.reorders = reorders,
            Message::Preset(preset) => self.set_all(preset.impairments),
            Message::NewSeed => self.conditions.seed = rand::random_range(0..SEEDS),
            Message::Reset => *self = Self::default(),
        }
        (self.conditions != before).then_some(self.conditions)
    }

    /// What is moved is meant: it acts at once. A queue before no limit does nothing.
    fn set(&mut self, knob: Knob, value: Option<f64>) {
        let before = self.conditions.impairments;
        knob.set(&mut self.conditions.impairments, &mut self.queue, value);
        self.conditions.is_on |= self.conditions.impairments != before;
    }

    fn set_all(&mut self, impairments: Impairments) {
        self.conditions.impairments = impairments;
        self.queue = impairments.bottleneck.map_or(QUEUE, |bottleneck| bottleneck.queue);
        self.conditions.is_on = true;
    }

    fn type_into(&mut self, field: Field, words: String) {
        match field {
            Field::Knob(knob) => {
                if let Some(value) = knob.read(&words) {
                    self.set(knob, value);
                }
            }
            Field::Seed => {
                if let Ok(seed) = words.trim().parse() {
                    self.conditions.seed = seed;
                }
            }
        }
        self.typed = Some((field, words));
    }

    /// The panel's content. `host` is the server of a stream that comes from elsewhere.
    pub fn view<'a>(&'a self, host: Option<&str>, truth: Option<Emulated>) -> Element<'a, Message> {
        let Conditions { is_on, impairments, .. } = &self.conditions;
        let place = match host {
            None => "between the embedded server and this player".to_owned(),
            Some(host) => format!("on this player's way in, behind {host}"),
        };
        let switch = toggler(*is_on).size(20).style(theme::switch).on_toggle(Message::Switch);
        let switch = row![
            text(if *is_on { "It acts" } else { "It is off" }).font(theme::STRONG).width(Fill),
            button(text("Reset").size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press(Message::Reset),
            container(switch).id(SWITCH)
        ]
        .spacing(distance::NORMAL)
        .align_y(Center);
        // Nothing here comes and goes: a knob that moved away under the pointer would be let go of.
        let fates = truth.map_or_else(|| "No packet has met it yet.".to_owned(), in_words);
        let content = column![
            explain(format!("An emulated network {place}.")),
            switch,
            explain("While it acts, playing does not turn to TCP by itself."),
            container(explain(fates)).height(TWO_LINES)
        ]
        .spacing(distance::NORMAL)
        .width(Fill);
        let distributions =
            [Distribution::Uniform, Distribution::Normal, Distribution::Pareto].map(|d| (name(d), d));
        let jitter = impairments.jitter;
        let reorders = toggler(jitter.reorders).size(20).style(theme::switch).on_toggle(Message::Reorders);
        let reorders = row![text("Packets may overtake each other").size(size::SMALL).width(Fill), reorders]
            .align_y(Center);
        content
            .push(self.knobs(&[Knob::Loss, Knob::Burst, Knob::Rate, Knob::Queue, Knob::Delay, Knob::Jitter]))
            .push(choices(distributions, jitter.distribution, Message::Distribution))
            .push(reorders)
            .push(self.knobs(&[Knob::Duplication, Knob::Corruption]))
            .push(self.seed())
            .push(self.presets())
            .into()
    }

    fn knobs(&self, knobs: &[Knob]) -> Column<'_, Message> {
        Column::with_children(knobs.iter().map(|knob| self.knob(*knob))).spacing(distance::SMALL)
    }

    fn knob(&self, knob: Knob) -> Element<'_, Message> {
        let value = knob.get(&self.conditions.impairments, self.queue);
        let words = self.words(Field::Knob(knob), || knob.write(value));
        let is_wrong = knob.read(&words).is_none();
        let number = field(Field::Knob(knob), &words, is_wrong).id(knob.name()).width(72);
        let line = row![
            text(knob.name()).size(size::SMALL).width(Fill),
            leaving(number, Message::Leave(Field::Knob(knob))),
            text(knob.unit()).size(size::SMALL).style(theme::muted).width(46),
        ]
        .spacing(distance::SMALL)
        .align_y(Center);
        if is_wrong {
            // In the place of the slider, so that nothing moves.
            return column![line, rule(knob.rule()).height(SLIDER)].spacing(2).into();
        }
        let slide = slider(0.0..=1.0, knob.position(value), move |position| Message::Slide(knob, position))
            .step(0.001)
            .height(SLIDER)
            .style(theme::time_line);
        column![line, slide].spacing(2).into()
    }

    fn words(&self, field: Field, set: impl FnOnce() -> String) -> String {
        match &self.typed {
            Some((typed, words)) if *typed == field => words.clone(),
            _ => set(),
        }
    }

    fn seed(&self) -> Element<'_, Message> {
        let words = self.words(Field::Seed, || self.conditions.seed.to_string());
        let is_wrong = words.trim().parse::<u64>().is_err();
        let name = match is_wrong {
            true => rule("From 0 to 2⁶⁴ − 1".to_owned()),
            false => text("Seed").size(size::SMALL),
        };
        let seed = field(Field::Seed, &words, is_wrong).id("Seed").width(92);
        let new = button(text("New seed").size(size::SMALL))
            .padding([5, 10])
            .style(theme::secondary)
            .on_press(Message::NewSeed);
        row![name.width(Fill), leaving(seed, Message::Leave(Field::Seed)), new]
            .spacing(distance::SMALL)
            .align_y(Center)
            .into()
    }

    fn presets(&self) -> Element<'_, Message> {
        let presets = PRESETS.iter().map(|preset| {
            let is_chosen = self.conditions.is_on && preset.impairments == self.conditions.impairments;
            let source = text(preset.source).size(size::TINY).style(theme::muted);
            let words = column![
                text(preset.name).size(size::NORMAL).font(theme::STRONG),
                text(preset.impairments.to_string()).size(size::SMALL),
                source
            ]
            .spacing(2);
            button(words)
                .width(Fill)
                .padding([7, 10])
                .style(theme::card(is_chosen))
                .on_press(Message::Preset(preset))
                .into()
        });
        column![text("Presets").size(size::SMALL).style(theme::muted)]
            .extend(presets)
            .spacing(distance::SMALL)
            .push(space().height(distance::SMALL))
            .into()
    }
}

fn field<'a>(field: Field, words: &str, is_wrong: bool) -> iced::widget::TextInput<'a, Message> {
    text_input("no limit", words)
        .on_input(move |words| Message::Type(field, words))
        .on_submit(Message::Enter(field))
        .padding([4, 6])
        .size(size::SMALL)
        .style(theme::field(is_wrong))
}

/// What is allowed, where something else was typed.
fn rule<'a>(words: String) -> Text<'a> {
    text(words).size(size::TINY).style(theme::danger)
}

fn explain<'a>(words: impl text::IntoFragment<'a>) -> Element<'a, Message> {
    text(words).size(size::SMALL).style(theme::muted).width(Fill).into()
}

fn name(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform => "Uniform",
        Distribution::Normal => "Normal",
        Distribution::Pareto => "Pareto",
    }
}

/// What it has done, in words.
fn in_words(truth: Emulated) -> String {
    let Emulated { offered, lost_random, lost_queue, duplicated, corrupted, .. } = truth;
    let mut words = format!(
        "Of {} packets, {} were lost at random and {} to the full queue",
        count(offered),
        count(lost_random),
        count(lost_queue)
    );
    if duplicated > 0 || corrupted > 0 {
        words += &format!("; {} came twice and {} with a wrong bit", count(duplicated), count(corrupted));
    }
    words + "."
}
