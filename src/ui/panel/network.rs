//! Network panel: settings of the emulated network, by preset, slider and number field.

use iced::widget::{column, container, row, space, text, text_input};
use iced::{Center, Fill};

pub use super::network_slider::SliderField;
use crate::format::count;
use crate::impairment::{Distribution, EmulatorSettings, EmulatorStats, Impairments, PRESETS, Preset};
use crate::ui::renderer::{Column, Element, Row, Text, TextInput};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::blur_input::blur_input;
use crate::ui::widget::choices::choices;
use crate::ui::widget::control::{button, slider, toggler};
use crate::ui::widget::hint::{Position, hint};

/// State of the panel: the current settings, and the text of the field that is being edited.
#[derive(Debug)]
pub struct Panel {
    settings: EmulatorSettings,
    /// Size of the bottleneck queue in bytes, kept while the throughput is unlimited and there is no queue.
    queue_bytes: u32,
    /// Field that is being edited, with its text, which may be invalid.
    input: Option<(Field, String)>,
    /// The settings that are seldom used are shown.
    is_more_shown: bool,
}

/// Text field of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Number field of a slider.
    Slider(SliderField),
    /// Seed of the random number generator.
    Seed,
}

/// Message of the panel.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Toggle(bool),
    Slide(SliderField, f32),
    Input(Field, String),
    /// Loss of the focus of this field.
    Blur(Field),
    /// Enter in this field.
    Submit(Field),
    Distribution(Distribution),
    Reordering(bool),
    Preset(&'static Preset),
    NewSeed,
    /// Show or hide the settings that are seldom used.
    More(bool),
    Reset,
}

/// Ids of the switches, which have no text for tests to find them by.
const SWITCH_ID: &str = "network-switch";
const REORDERING_ID: &str = "reordering";

/// Upper bound of random seeds, exclusive; small, so that they are easy to read and type.
const MAX_RANDOM_SEED: u64 = 1_000_000;

/// Height of two lines for the packet counts, reserved so that the controls do not move when the text grows.
const SUMMARY_HEIGHT: f32 = 2.0 * 1.3 * size::SMALL + 2.0;

/// Height of a slider in logical pixels.
const SLIDER_HEIGHT: f32 = 16.0;

/// Size of the bottleneck queue in bytes, until another is set.
const DEFAULT_QUEUE_BYTES: u32 = 64 * 1024;

impl Default for Panel {
    fn default() -> Self {
        Self {
            settings: EmulatorSettings { seed: 1, ..EmulatorSettings::default() },
            queue_bytes: DEFAULT_QUEUE_BYTES,
            input: None,
            is_more_shown: false,
        }
    }
}

impl Panel {
    /// Returns the current settings.
    pub fn settings(&self) -> &EmulatorSettings {
        &self.settings
    }

    /// Applies a message; returns the settings if they have changed.
    pub fn update(&mut self, message: Message) -> Option<EmulatorSettings> {
        let before = self.settings;
        let is_done = match &message {
            Message::Input(..) => false,
            // The next field may already have the focus.
            Message::Blur(field) | Message::Submit(field) => {
                self.input.as_ref().is_some_and(|(edited, _)| edited == field)
            }
            _ => true,
        };
        if is_done {
            self.input = None;
        }
        match message {
            Message::Toggle(is_on) => self.settings.is_on = is_on,
            Message::Slide(slider, position) => self.set_value(slider, slider.value_at(position)),
            Message::Input(field, input) => self.handle_input(field, input),
            Message::Blur(_) | Message::Submit(_) => {}
            Message::Distribution(distribution) => {
                self.settings.impairments.jitter.distribution = distribution;
            }
            Message::Reordering(reorders) => self.settings.impairments.jitter.reorders = reorders,
            Message::Preset(preset) => self.apply_impairments(preset.impairments),
            Message::NewSeed => self.settings.seed = rand::random_range(0..MAX_RANDOM_SEED),
            Message::More(is_shown) => self.is_more_shown = is_shown,
            Message::Reset => *self = Self { is_more_shown: self.is_more_shown, ..Self::default() },
        }
        (self.settings != before).then_some(self.settings)
    }

    /// Sets a value, and turns emulation on if that changes the impairments. The queue size has no effect while the
    /// throughput is unlimited.
    fn set_value(&mut self, slider: SliderField, value: Option<f64>) {
        let before = self.settings.impairments;
        slider.set(&mut self.settings.impairments, &mut self.queue_bytes, value);
        self.settings.is_on |= self.settings.impairments != before;
    }

    fn apply_impairments(&mut self, impairments: Impairments) {
        self.settings.impairments = impairments;
        self.queue_bytes = impairments.bottleneck.map_or(DEFAULT_QUEUE_BYTES, |bottleneck| bottleneck.queue);
        self.settings.is_on = true;
    }

    fn handle_input(&mut self, field: Field, input: String) {
        match field {
            Field::Slider(slider) => {
                if let Some(value) = slider.parse(&input) {
                    self.set_value(slider, value);
                }
            }
            Field::Seed => {
                if let Ok(seed) = input.trim().parse() {
                    self.settings.seed = seed;
                }
            }
        }
        self.input = Some((field, input));
    }

    /// Returns the content of the panel, with tooltips at `hints`. `host` is the server of a remote stream, `None` for
    /// a local file; `is_http` is true if that stream is sent over HTTP; `emulated` holds the packet counts of the
    /// emulator, `None` before the first packet.
    pub fn view<'a>(
        &'a self,
        host: Option<&str>,
        is_http: bool,
        emulated: Option<EmulatorStats>,
        hints: Position,
    ) -> Element<'a, Message> {
        self.view_header(host, is_http, emulated, hints)
            .push(self.fields(
                &[
                    SliderField::Loss,
                    SliderField::MeanBurst,
                    SliderField::Throughput,
                    SliderField::Queue,
                    SliderField::Delay,
                    SliderField::Jitter,
                ],
                hints,
            ))
            .push(self.view_jitter_options(hints))
            .push(self.view_more(hints))
            .into()
    }

    /// Returns the part above the sliders. Its height is constant: a slider that moves under the pointer would be
    /// released.
    fn view_header(
        &self,
        host: Option<&str>,
        is_http: bool,
        emulated: Option<EmulatorStats>,
        hints: Position,
    ) -> Column<'_, Message> {
        let is_on = self.settings.is_on;
        let title = text(if is_on { "Emulation: on" } else { "Emulation: off" }).font(theme::STRONG);
        let switch = toggler(is_on, Message::Toggle).size(20.0).style(theme::switch);
        let switch = row![
            hint(title, emulation_tooltip(host, is_http), hints),
            space::horizontal(),
            button(text("Reset").size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press(Message::Reset),
            container(switch).id(SWITCH_ID)
        ]
        .spacing(distance::NORMAL)
        .align_y(Center);
        let without_counts = if is_on { "No packets yet." } else { "Packets pass unchanged." };
        let status = emulated.map_or_else(|| without_counts.to_owned(), packet_summary);
        let status = text(status).size(size::SMALL).style(theme::muted).width(Fill);
        column![self.view_presets(hints), switch, container(status).height(SUMMARY_HEIGHT)]
            .spacing(distance::NORMAL)
            .width(Fill)
    }

    /// Returns the distribution of the jitter, and whether it reorders packets.
    fn view_jitter_options(&self, hints: Position) -> Element<'_, Message> {
        let jitter = self.settings.impairments.jitter;
        let distributions = [Distribution::Uniform, Distribution::Normal, Distribution::Pareto]
            .map(|distribution| (distribution_name(distribution), distribution));
        let reorders = toggler(jitter.reorders, Message::Reordering).size(20.0).style(theme::switch);
        let reorders = container(reorders).id(REORDERING_ID);
        let label = |label, about| hint(text(label).size(size::SMALL), about, hints);
        column![
            label("Jitter distribution", "Distribution of the additional delay that each packet gets."),
            choices(distributions, jitter.distribution, Message::Distribution),
            row![
                label("Allow reordering", "A packet with less delay may overtake those before it."),
                space::horizontal(),
                reorders
            ]
            .align_y(Center)
        ]
        .spacing(distance::SMALL)
        .into()
    }

    /// Returns the settings that are seldom used: hidden until they are asked for, or are in effect.
    fn view_more(&self, hints: Position) -> Element<'_, Message> {
        let Impairments { duplication, corruption, .. } = self.settings.impairments;
        let is_in_effect = duplication > 0.0 || corruption > 0.0;
        let label = if self.is_more_shown { "Less" } else { "More: duplicate, corrupt, seed" };
        let switch = button(text(label).size(size::SMALL))
            .padding([5, 10])
            .style(theme::secondary)
            .on_press(Message::More(!self.is_more_shown));
        let more = (self.is_more_shown || is_in_effect).then(|| {
            let fields = self.fields(&[SliderField::Duplication, SliderField::Corruption], hints);
            fields.push(self.view_seed(hints)).into()
        });
        let switch = (!is_in_effect).then(|| switch.into());
        Column::new().extend(switch).extend(more).spacing(distance::NORMAL).into()
    }

    fn fields(&self, sliders: &[SliderField], hints: Position) -> Column<'_, Message> {
        Column::with_children(sliders.iter().map(|slider| self.slider_field(*slider, hints)))
            .spacing(distance::SMALL)
    }

    fn slider_field(&self, field: SliderField, hints: Position) -> Element<'_, Message> {
        let value = field.get(&self.settings.impairments, self.queue_bytes);
        let input = self.input_text(Field::Slider(field), || field.format(value));
        let is_invalid = field.parse(&input).is_none();
        let number = input_field(Field::Slider(field), &input, is_invalid).id(field.name()).width(72);
        // "no limit" has none.
        let unit = if input.is_empty() { "" } else { field.unit() };
        let line = row![
            container(hint(text(field.name()).size(size::SMALL), field.description(), hints)).width(Fill),
            blur_input(number, Message::Blur(Field::Slider(field))),
            text(unit).size(size::SMALL).style(theme::muted).width(46),
        ]
        .spacing(distance::SMALL)
        .align_y(Center);
        if is_invalid {
            // The error takes the place of the slider, so that nothing moves.
            return column![line, input_error(field.range_hint()).height(SLIDER_HEIGHT)].spacing(2).into();
        }
        let slide = move |position: f64| Message::Slide(field, position as f32);
        let slider = slider(0.0..=1.0, f64::from(field.position(value)), slide)
            .id(field.slider_id())
            .step(0.001)
            .on_step(move |step| Message::Slide(field, field.stepped(value, step)))
            .height(SLIDER_HEIGHT);
        let slider = match self.settings.is_on {
            true => slider.style(theme::slider_style),
            // Without effect; a move turns emulation on.
            false => slider.style(theme::disabled_slider_style),
        };
        column![line, slider].spacing(2).into()
    }

    /// Returns the text of a field: what has been typed if it is being edited, else its current value.
    fn input_text(&self, field: Field, default: impl FnOnce() -> String) -> String {
        match &self.input {
            Some((edited, input)) if *edited == field => input.clone(),
            _ => default(),
        }
    }

    fn view_seed(&self, hints: Position) -> Element<'_, Message> {
        let input = self.input_text(Field::Seed, || self.settings.seed.to_string());
        let is_invalid = input.trim().parse::<u64>().is_err();
        let label = match is_invalid {
            true => input_error("From 0 to 2⁶⁴ − 1".to_owned()),
            false => text("Seed").size(size::SMALL),
        };
        let seed = input_field(Field::Seed, &input, is_invalid).id("Seed").width(92);
        let new = button(text("New seed").size(size::SMALL))
            .padding([5, 10])
            .style(theme::secondary)
            .on_press(Message::NewSeed);
        let about = "Start of the random numbers: the same seed loses the same packets.";
        let label = container(hint(label, about, hints)).width(Fill);
        row![label, blur_input(seed, Message::Blur(Field::Seed)), new]
            .spacing(distance::SMALL)
            .align_y(Center)
            .into()
    }

    fn view_presets(&self, hints: Position) -> Element<'_, Message> {
        let presets = PRESETS.iter().map(|preset| {
            let is_selected = self.settings.is_on && preset.impairments == self.settings.impairments;
            let chip = button(text(preset.name).size(size::SMALL))
                .padding([4, 10])
                .style(theme::card(is_selected))
                .on_press(Message::Preset(preset));
            hint(chip, preset_tooltip(preset), hints)
        });
        Row::with_children(presets).spacing(6).wrap().vertical_spacing(6).into()
    }
}

/// Returns the tooltip of a preset: its impairments, and their source.
fn preset_tooltip(preset: &Preset) -> String {
    format!("{}. {}", preset.impairments, preset.source)
}

/// Returns the tooltip of the main switch: where the emulated network is, and what else it changes.
fn emulation_tooltip(host: Option<&str>, is_http: bool) -> String {
    let location = match host {
        None => "Emulated network between the embedded server and this player.".to_owned(),
        Some(host) => format!("Emulated network for packets from {host}, applied as they arrive."),
    };
    let note = match is_http {
        true => "Loss makes frames incomplete; a real TCP connection would send again, and stall.",
        false => "Automatic fallback to TCP is off while emulation is on.",
    };
    format!("{location} {note}")
}

fn input_field<'a>(field: Field, value: &str, is_invalid: bool) -> TextInput<'a, Message> {
    text_input("no limit", value)
        .on_input(move |value| Message::Input(field, value))
        .on_submit(Message::Submit(field))
        .padding([4, 6])
        .size(size::SMALL)
        .style(theme::field(is_invalid))
}

/// Returns the text shown for invalid input.
fn input_error<'a>(message: String) -> Text<'a> {
    text(message).size(size::TINY).style(theme::danger)
}

fn distribution_name(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform => "Uniform",
        Distribution::Normal => "Normal",
        Distribution::Pareto => "Pareto",
    }
}

/// Formats the packet counts of the emulator.
fn packet_summary(emulated: EmulatorStats) -> String {
    let EmulatorStats { offered, lost_random, lost_queue, duplicated, corrupted, .. } = emulated;
    let mut summary = format!(
        "Of {} packets: {} lost at random, {} queue drops",
        count(offered),
        count(lost_random),
        count(lost_queue)
    );
    if duplicated > 0 || corrupted > 0 {
        summary += &format!(", {} duplicated, {} corrupted", count(duplicated), count(corrupted));
    }
    summary + "."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tooltips_say_where_the_network_is_and_what_a_preset_sets() {
        let local = emulation_tooltip(None, false);
        assert!(
            local.starts_with("Emulated network between the embedded server and this player."),
            "{local}"
        );
        let remote = emulation_tooltip(Some("camera.example"), true);
        assert!(remote.contains("packets from camera.example, applied as they arrive"), "{remote}");
        assert!(remote.contains("a real TCP connection would send again"), "{remote}");
        for preset in &PRESETS {
            let tooltip = preset_tooltip(preset);
            assert!(tooltip.contains(&preset.impairments.to_string()), "{tooltip}");
            assert!(tooltip.contains(preset.source), "{tooltip}");
        }
    }
}
