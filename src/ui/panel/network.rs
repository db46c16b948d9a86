//! The Network panel: a bad network to try.

use iced::widget::{Column, Text, button, column, container, row, slider, space, text, text_input, toggler};
use iced::{Center, Element, Fill};

use crate::format::count;
use crate::impairment::{Distribution, EmulatorSettings, EmulatorStats, Impairments, PRESETS, Preset};
use crate::ui::dialog::preferences::choices;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::blur_input::blur_input;
use crate::ui::widget::slider_field::SliderField;

/// What is set, and what has been typed and not understood yet.
#[derive(Debug)]
pub struct Panel {
    conditions: EmulatorSettings,
    /// Bytes that may wait, while there is no limit for them to wait before.
    queue_bytes: u32,
    /// The field that is being typed into.
    input: Option<(Field, String)>,
}

/// A field that can be typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// That of a slider.
    Slider(SliderField),
    /// Where chance begins.
    Seed,
}

/// What happens in the panel.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Toggle(bool),
    Slide(SliderField, f32),
    Input(Field, String),
    /// The cursor is in this field no more.
    Blur(Field),
    /// Enter was pressed in this field.
    Submit(Field),
    Distribution(Distribution),
    Reordering(bool),
    Preset(&'static Preset),
    NewSeed,
    Reset,
}

/// The master switch has no words, and needs a name.
const SWITCH_ID: &str = "network-switch";

/// Seeds by chance are below this, so that people can read and type them.
const MAX_RANDOM_SEED: u64 = 1_000_000;

/// Room for what has become of the packets, so that nothing moves when there is more to say.
const SUMMARY_HEIGHT: f32 = 2.0 * 1.3 * size::SMALL + 2.0;

/// How high a slider is.
const SLIDER_HEIGHT: f32 = 16.0;

/// Bytes that may wait before anything was set.
const DEFAULT_QUEUE_BYTES: u32 = 64 * 1024;

impl Default for Panel {
    fn default() -> Self {
        Self {
            conditions: EmulatorSettings { seed: 1, ..EmulatorSettings::default() },
            queue_bytes: DEFAULT_QUEUE_BYTES,
            input: None,
        }
    }
}

impl Panel {
    /// What is set.
    pub fn conditions(&self) -> &EmulatorSettings {
        &self.conditions
    }

    /// Takes what happened; what is to be set if that is something else now.
    pub fn update(&mut self, message: Message) -> Option<EmulatorSettings> {
        let before = self.conditions;
        let is_done = match &message {
            Message::Input(..) => false,
            // It may be that the next one is typed into already.
            Message::Blur(left) | Message::Submit(left) => {
                self.input.as_ref().is_some_and(|(typed, _)| typed == left)
            }
            _ => true,
        };
        if is_done {
            self.input = None;
        }
        match message {
            Message::Toggle(is_on) => self.conditions.is_on = is_on,
            Message::Slide(knob, position) => self.set_value(knob, knob.value_at(position)),
            Message::Input(field, words) => self.handle_input(field, words),
            Message::Blur(_) | Message::Submit(_) => {}
            Message::Distribution(distribution) => {
                self.conditions.impairments.jitter.distribution = distribution;
            }
            Message::Reordering(reorders) => self.conditions.impairments.jitter.reorders = reorders,
            Message::Preset(preset) => self.apply_impairments(preset.impairments),
            Message::NewSeed => self.conditions.seed = rand::random_range(0..MAX_RANDOM_SEED),
            Message::Reset => *self = Self::default(),
        }
        (self.conditions != before).then_some(self.conditions)
    }

    /// What is moved is meant: it acts at once. A queue before no limit does nothing.
    fn set_value(&mut self, knob: SliderField, value: Option<f64>) {
        let before = self.conditions.impairments;
        knob.set(&mut self.conditions.impairments, &mut self.queue_bytes, value);
        self.conditions.is_on |= self.conditions.impairments != before;
    }

    fn apply_impairments(&mut self, impairments: Impairments) {
        self.conditions.impairments = impairments;
        self.queue_bytes = impairments.bottleneck.map_or(DEFAULT_QUEUE_BYTES, |bottleneck| bottleneck.queue);
        self.conditions.is_on = true;
    }

    fn handle_input(&mut self, field: Field, input: String) {
        match field {
            Field::Slider(knob) => {
                if let Some(value) = knob.parse(&input) {
                    self.set_value(knob, value);
                }
            }
            Field::Seed => {
                if let Ok(seed) = input.trim().parse() {
                    self.conditions.seed = seed;
                }
            }
        }
        self.input = Some((field, input));
    }

    /// The panel's content. `host` is the server of a stream that comes from elsewhere.
    pub fn view<'a>(&'a self, host: Option<&str>, emulated: Option<EmulatorStats>) -> Element<'a, Message> {
        let EmulatorSettings { is_on, impairments, .. } = &self.conditions;
        let location = match host {
            None => "between the embedded server and this player".to_owned(),
            Some(host) => format!("on this player's way in, behind {host}"),
        };
        let switch = toggler(*is_on).size(20).style(theme::switch).on_toggle(Message::Toggle);
        let switch = row![
            text(if *is_on { "It acts" } else { "It is off" }).font(theme::STRONG).width(Fill),
            button(text("Reset").size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press(Message::Reset),
            container(switch).id(SWITCH_ID)
        ]
        .spacing(distance::NORMAL)
        .align_y(Center);
        // Nothing here comes and goes: a knob that moved away under the pointer would be let go of.
        let summary = emulated.map_or_else(|| "No packet has met it yet.".to_owned(), packet_summary);
        let content = column![
            description(format!("An emulated network {location}.")),
            switch,
            description("While it acts, playing does not turn to TCP by itself."),
            container(description(summary)).height(SUMMARY_HEIGHT)
        ]
        .spacing(distance::NORMAL)
        .width(Fill);
        let distributions = [Distribution::Uniform, Distribution::Normal, Distribution::Pareto]
            .map(|d| (distribution_name(d), d));
        let jitter = impairments.jitter;
        let reorders = toggler(jitter.reorders).size(20).style(theme::switch).on_toggle(Message::Reordering);
        let reorders = row![text("Packets may overtake each other").size(size::SMALL).width(Fill), reorders]
            .align_y(Center);
        content
            .push(self.fields(&[
                SliderField::Loss,
                SliderField::MeanBurst,
                SliderField::Throughput,
                SliderField::Queue,
                SliderField::Delay,
                SliderField::Jitter,
            ]))
            .push(choices(distributions, jitter.distribution, Message::Distribution))
            .push(reorders)
            .push(self.fields(&[SliderField::Duplication, SliderField::Corruption]))
            .push(self.view_seed())
            .push(self.view_presets())
            .into()
    }

    fn fields(&self, knobs: &[SliderField]) -> Column<'_, Message> {
        Column::with_children(knobs.iter().map(|knob| self.slider_field(*knob))).spacing(distance::SMALL)
    }

    fn slider_field(&self, knob: SliderField) -> Element<'_, Message> {
        let value = knob.get(&self.conditions.impairments, self.queue_bytes);
        let words = self.input_text(Field::Slider(knob), || knob.format(value));
        let is_wrong = knob.parse(&words).is_none();
        let number = input_field(Field::Slider(knob), &words, is_wrong).id(knob.name()).width(72);
        let line = row![
            text(knob.name()).size(size::SMALL).width(Fill),
            blur_input(number, Message::Blur(Field::Slider(knob))),
            text(knob.unit()).size(size::SMALL).style(theme::muted).width(46),
        ]
        .spacing(distance::SMALL)
        .align_y(Center);
        if is_wrong {
            // In the place of the slider, so that nothing moves.
            return column![line, input_error(knob.range_hint()).height(SLIDER_HEIGHT)].spacing(2).into();
        }
        let slide = slider(0.0..=1.0, knob.position(value), move |position| Message::Slide(knob, position))
            .step(0.001)
            .height(SLIDER_HEIGHT)
            .style(theme::slider_style);
        column![line, slide].spacing(2).into()
    }

    fn input_text(&self, field: Field, default: impl FnOnce() -> String) -> String {
        match &self.input {
            Some((typed, words)) if *typed == field => words.clone(),
            _ => default(),
        }
    }

    fn view_seed(&self) -> Element<'_, Message> {
        let input = self.input_text(Field::Seed, || self.conditions.seed.to_string());
        let is_invalid = input.trim().parse::<u64>().is_err();
        let name = match is_invalid {
            true => input_error("From 0 to 2⁶⁴ − 1".to_owned()),
            false => text("Seed").size(size::SMALL),
        };
        let seed = input_field(Field::Seed, &input, is_invalid).id("Seed").width(92);
        let new = button(text("New seed").size(size::SMALL))
            .padding([5, 10])
            .style(theme::secondary)
            .on_press(Message::NewSeed);
        row![name.width(Fill), blur_input(seed, Message::Blur(Field::Seed)), new]
            .spacing(distance::SMALL)
            .align_y(Center)
            .into()
    }

    fn view_presets(&self) -> Element<'_, Message> {
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

fn input_field<'a>(field: Field, value: &str, is_invalid: bool) -> iced::widget::TextInput<'a, Message> {
    text_input("no limit", value)
        .on_input(move |value| Message::Input(field, value))
        .on_submit(Message::Submit(field))
        .padding([4, 6])
        .size(size::SMALL)
        .style(theme::field(is_invalid))
}

/// What is allowed, where something else was typed.
fn input_error<'a>(message: String) -> Text<'a> {
    text(message).size(size::TINY).style(theme::danger)
}

fn description<'a>(content: impl text::IntoFragment<'a>) -> Element<'a, Message> {
    text(content).size(size::SMALL).style(theme::muted).width(Fill).into()
}

fn distribution_name(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform => "Uniform",
        Distribution::Normal => "Normal",
        Distribution::Pareto => "Pareto",
    }
}

/// What it has done, in words.
fn packet_summary(emulated: EmulatorStats) -> String {
    let EmulatorStats { offered, lost_random, lost_queue, duplicated, corrupted, .. } = emulated;
    let mut summary = format!(
        "Of {} packets, {} were lost at random and {} to the full queue",
        count(offered),
        count(lost_random),
        count(lost_queue)
    );
    if duplicated > 0 || corrupted > 0 {
        summary += &format!("; {} came twice and {} with a wrong bit", count(duplicated), count(corrupted));
    }
    summary + "."
}
