//! Contrast of all pairs of text or control and background, by WCAG 2.2 (§1.4.3, §1.4.11).

use super::*;

/// Minimum contrast of text.
const TEXT: f32 = 4.5;

/// Minimum contrast of controls, and of marks in drawings.
const CONTROL: f32 = 3.0;

/// A foreground on a background, and the minimum contrast.
struct Pair {
    name: String,
    foreground: Color,
    background: Color,
    min: f32,
}

/// Returns a colour as it appears over an opaque one.
fn over(colour: Color, background: Color) -> Color {
    mix(background, Color { a: 1.0, ..colour }, colour.a)
}

/// Relative luminance, from 0 for black to 1 for white.
fn luminance(colour: Color) -> f32 {
    let [red, green, blue, _] = colour.into_linear();
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// Contrast of two opaque colours, from 1 to 21.
fn contrast(a: Color, b: Color) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn solid(background: Option<Background>, below: Color) -> Color {
    match background {
        Some(Background::Color(colour)) => over(colour, below),
        Some(Background::Gradient(_)) => panic!("the contrast of a gradient is not known"),
        None => below,
    }
}

/// Buttons by name, with the background that they lie on.
fn button_pairs(theme: &Theme, pairs: &mut Vec<Pair>) {
    type Style = Box<dyn Fn(&Theme, button::Status) -> button::Style>;
    let colours = colours(theme);
    let styles: [(&str, Style, Color); 12] = [
        ("primary", Box::new(primary), colours.surface),
        ("secondary", Box::new(secondary), colours.surface),
        ("recording", Box::new(recording), colours.surface),
        ("quiet", Box::new(quiet), colours.surface),
        ("choice", Box::new(choice(false)), colours.raised),
        ("selected choice", Box::new(choice(true)), colours.raised),
        ("card", Box::new(card(false)), colours.surface),
        ("selected card", Box::new(card(true)), colours.surface),
        ("toggle", Box::new(toggle(Toggle::Off)), colours.surface),
        ("toggle without space", Box::new(toggle(Toggle::Hidden)), colours.surface),
        ("toggle that is on", Box::new(toggle(Toggle::On)), colours.surface),
        ("secondary in a page", Box::new(secondary), colours.background),
    ];
    let statuses = [button::Status::Active, button::Status::Hovered, button::Status::Pressed];
    for (name, style, below) in &styles {
        for status in statuses {
            let style = style(theme, status);
            let background = solid(style.background, *below);
            let name = format!("{name}, {status:?}");
            // The edge of a card that is not selected separates it, and tells nothing.
            let has_mark = style.border.width > 0.0 && !name.starts_with("card");
            let mark = Pair {
                name: format!("edge of {name}"),
                foreground: style.border.color,
                background: *below,
                min: CONTROL,
            };
            pairs.extend(has_mark.then_some(mark));
            // A recording in progress has an icon without text.
            let min = if name.starts_with("recording") { CONTROL } else { TEXT };
            pairs.push(Pair { name, foreground: style.text_color, background, min });
        }
    }
}

/// Text in its colours, on everything on which it is shown.
fn text_pairs(theme: &Theme, pairs: &mut Vec<Pair>) {
    let colours = colours(theme);
    let backgrounds = [
        ("page", solid(page(theme).background, colours.background)),
        ("bar", solid(bar(theme).background, colours.background)),
        ("panel", solid(panel(theme).background, colours.background)),
        ("dialog", solid(dialog(theme).background, colours.background)),
        ("banner", solid(banner(false)(theme).background, colours.background)),
        ("tooltip", solid(tooltip(theme).background, colours.background)),
        ("choices", solid(choices(theme).background, colours.background)),
    ];
    let texts = [
        ("text", Some(colours.text)),
        ("muted text", muted(theme).color),
        ("error", danger(theme).color),
        ("INIT", Some(state_colour(theme, RtspState::Init))),
        ("READY", Some(state_colour(theme, RtspState::Ready))),
        ("PLAYING", Some(state_colour(theme, RtspState::Playing))),
        ("live mark", live_mark(false)(theme).text_color),
        ("live mark, playing", live_mark(true)(theme).text_color),
    ];
    for (place, background) in backgrounds {
        pairs.extend(texts.map(|(name, colour)| Pair {
            name: format!("{name} on {place}"),
            foreground: colour.expect("text has a colour"),
            background,
            min: TEXT,
        }));
    }
    let band = solid(media_band(theme).background, colours.surface);
    pairs.extend([("text", colours.text), ("muted text", colours.muted)].map(|(name, foreground)| Pair {
        name: format!("{name} on the band of the packets"),
        foreground,
        background: band,
        min: TEXT,
    }));
    for (place, below) in [("white", Color::WHITE), ("letterbox", LETTERBOX)] {
        pairs.push(Pair {
            name: format!("label of the drop area over {place}"),
            foreground: Color::WHITE,
            background: solid(drop_area(theme).background, below),
            min: TEXT,
        });
    }
}

fn input_pairs(theme: &Theme, pairs: &mut Vec<Pair>) {
    let colours = colours(theme);
    let surfaces = [("panel", colours.surface), ("page", colours.background)];
    let mut control = |name: &str, foreground, background| {
        pairs.push(Pair { name: name.to_owned(), foreground, background, min: CONTROL });
    };
    for (place, surface) in surfaces {
        for status in [text_input::Status::Active, text_input::Status::Hovered] {
            for is_invalid in [false, true] {
                let style = field(is_invalid)(theme, status);
                control(&format!("edge of a field in a {place}, {status:?}"), style.border.color, surface);
            }
        }
    }
    for is_toggled in [false, true] {
        let style = switch(theme, toggler::Status::Active { is_toggled });
        let track = solid(Some(style.background), colours.surface);
        control("edge of a switch", style.background_border_color, colours.surface);
        control("knob of a switch", solid(Some(style.foreground), track), track);
    }
    for status in [slider::Status::Active, slider::Status::Hovered, slider::Status::Dragged] {
        for style in [slider_style(theme, status), disabled_slider_style(theme, status)] {
            let knob = solid(Some(style.handle.background), colours.surface);
            control(&format!("knob of a slider, {status:?}"), knob, colours.surface);
            let rail = solid(Some(style.rail.backgrounds.0), colours.surface);
            control("set part of a slider", rail, colours.surface);
        }
    }
    for state in [RtspState::Init, RtspState::Ready, RtspState::Playing] {
        control("dot of a state", state_colour(theme, state), colours.background);
    }
    control("scroll bar", colours.faint, colours.surface);
    control("dragged edge of the panels", colours.control, colours.surface);
    for (name, colour) in [
        ("ready", colours.ready),
        ("danger", colours.danger),
        ("warm", colours.warm),
        ("playing", colours.playing),
        ("late", colours.late),
        ("muted", colours.muted),
    ] {
        control(&format!("{name} in a chart"), colour, colours.raised);
        control(&format!("{name} in the grid of packets"), colour, colours.surface);
    }
    let style = field(false)(theme, text_input::Status::Active);
    let background = solid(Some(style.background), colours.surface);
    let selected = over(style.selection, background);
    for (name, foreground, background) in [
        ("placeholder", style.placeholder, background),
        ("value of a field", style.value, background),
        ("selected value of a field", style.value, selected),
    ] {
        pairs.push(Pair { name: name.to_owned(), foreground, background, min: TEXT });
    }
}

#[test]
fn contrast_of_known_colours() {
    assert!((contrast(Color::BLACK, Color::WHITE) - 21.0).abs() < 0.01);
    assert!((contrast(color!(0x777777), Color::WHITE) - 4.48).abs() < 0.01);
    assert_eq!(over(Color { a: 0.5, ..Color::BLACK }, Color::WHITE), Color::from_rgb(0.5, 0.5, 0.5));
}

#[test]
fn text_and_controls_can_be_told_from_their_backgrounds() {
    let mut weak = Vec::new();
    for (name, theme) in [("dark", dark()), ("light", light())] {
        let mut pairs = Vec::new();
        button_pairs(&theme, &mut pairs);
        text_pairs(&theme, &mut pairs);
        input_pairs(&theme, &mut pairs);
        assert!(pairs.len() > 100, "only {} pairs", pairs.len());
        for pair in pairs {
            let contrast = contrast(pair.foreground, pair.background);
            if contrast < pair.min {
                weak.push(format!("{name}: {} {contrast:.2}:1, not {}:1", pair.name, pair.min));
            }
        }
    }
    assert!(weak.is_empty(), "{weak:#?}");
}
