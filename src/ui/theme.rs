//! Appearance of the window: fonts, sizes, colours of both themes, and the styles of widgets.

use iced::border::Radius;
use iced::font::Weight;
use iced::gradient::Linear;
use iced::theme::Palette;
use iced::widget::{button, container, scrollable, slider, text, text_input, toggler};
use iced::{Background, Border, Color, Degrees, Font, Theme, color};

use crate::session::RtspState;

/// Font of all text. It is part of the program, so that text is shown on a machine without fonts.
pub const FONT: Font = Font::with_name("IBM Plex Sans");

/// Semibold variant of [`FONT`], for titles and important values.
pub const STRONG: Font = Font { weight: Weight::Semibold, ..FONT };

/// Font files, to be loaded at the start.
pub const FONTS: [&[u8]; 2] = [
    include_bytes!("../../assets/fonts/IBMPlexSans-Regular.ttf"),
    include_bytes!("../../assets/fonts/IBMPlexSans-SemiBold.ttf"),
];

/// Font sizes in logical pixels.
pub mod size {
    #![allow(missing_docs)]
    pub const TINY: f32 = 12.0;
    pub const SMALL: f32 = 13.0;
    pub const NORMAL: f32 = 14.0;
    pub const LARGE: f32 = 16.0;
    pub const HEADING: f32 = 20.0;
    pub const FIGURE: f32 = 27.0;
    pub const TITLE: f32 = 26.0;
}

/// Spacing and padding in logical pixels.
pub mod space {
    #![allow(missing_docs)]
    pub const TIGHT: f32 = 4.0;
    pub const SMALL: f32 = 8.0;
    pub const NORMAL: f32 = 12.0;
    pub const WIDE: f32 = 16.0;
    pub const HUGE: f32 = 28.0;
}

/// Radius of the corners of buttons and fields, in logical pixels.
pub const RADIUS: f32 = 8.0;

/// Colours of a theme.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Colours {
    pub background: Color,
    pub surface: Color,
    pub raised: Color,
    pub hovered: Color,
    pub line: Color,
    pub text: Color,
    pub muted: Color,
    pub faint: Color,
    pub accent: Color,
    pub on_accent: Color,
    /// Marks of controls: knobs, edges of what is selected, open panels.
    pub control: Color,
    pub init: Color,
    pub ready: Color,
    pub playing: Color,
    pub danger: Color,
    pub late: Color,
    pub warm: Color,
    pub focus: Color,
    pub backdrop: Color,
}

const DARK: Colours = Colours {
    background: color!(0x12141b),
    surface: color!(0x1b1e28),
    raised: color!(0x272b38),
    hovered: color!(0x323748),
    line: color!(0x343949),
    text: color!(0xeef0f6),
    muted: color!(0xa3a9bb),
    faint: color!(0x7c849a),
    accent: color!(0xffc454),
    on_accent: color!(0x1e2230),
    control: color!(0xffc454),
    init: color!(0x8d94a8),
    ready: color!(0x6cb2ff),
    playing: color!(0x4fd18b),
    danger: color!(0xff7b72),
    late: color!(0xc792ea),
    warm: color!(0xffc454),
    focus: color!(0xb9ccff),
    backdrop: color!(0x05060a, 0.62),
};

const LIGHT: Colours = Colours {
    background: color!(0xf3f4f8),
    surface: color!(0xffffff),
    raised: color!(0xe9ebf2),
    hovered: color!(0xdcdfe9),
    line: color!(0xd3d7e3),
    text: color!(0x1a1d28),
    muted: color!(0x565d70),
    faint: color!(0x7d8497),
    accent: color!(0xf2a91e),
    on_accent: color!(0x1e2230),
    control: color!(0xb36b00),
    init: color!(0x5a6174),
    ready: color!(0x1668c7),
    playing: color!(0x0d6f3e),
    danger: color!(0xc5302a),
    late: color!(0x8446b8),
    warm: color!(0xb36b00),
    focus: color!(0x2f3fd0),
    backdrop: color!(0x1a1d28, 0.45),
};

/// Colour around a picture that does not fill its area, the same in both themes.
pub const LETTERBOX: Color = color!(0x08090d);

/// Returns the dark theme.
pub fn dark() -> Theme {
    theme("Reelay dark", &DARK)
}

/// Returns the light theme.
pub fn light() -> Theme {
    theme("Reelay light", &LIGHT)
}

fn theme(name: &'static str, colours: &Colours) -> Theme {
    let palette = Palette {
        background: colours.background,
        text: colours.text,
        primary: colours.accent,
        success: colours.playing,
        warning: colours.accent,
        danger: colours.danger,
    };
    Theme::custom(name, palette)
}

/// Returns true if a theme is dark.
pub fn is_dark(theme: &Theme) -> bool {
    theme.extended_palette().is_dark
}

/// Returns the colours of a theme.
pub fn colours(theme: &Theme) -> &'static Colours {
    if is_dark(theme) { &DARK } else { &LIGHT }
}

/// Returns the colour of an RTSP state.
pub fn state_colour(theme: &Theme, state: RtspState) -> Color {
    let colours = colours(theme);
    match state {
        RtspState::Init => colours.init,
        RtspState::Ready => colours.ready,
        RtspState::Playing => colours.playing,
    }
}

fn rounded(radius: f32) -> Border {
    Border { radius: Radius::new(radius), ..Border::default() }
}

fn outlined(colour: Color, radius: f32) -> Border {
    Border { color: colour, width: 1.0, radius: Radius::new(radius) }
}

// Styles of text.

/// Text of secondary importance, such as descriptions.
pub fn muted(theme: &Theme) -> text::Style {
    text::Style { color: Some(colours(theme).muted) }
}

/// Mark that something is on, in the colour of controls.
pub fn mark(theme: &Theme) -> text::Style {
    text::Style { color: Some(colours(theme).control) }
}

/// Text of an error, in red.
pub fn danger(theme: &Theme) -> text::Style {
    text::Style { color: Some(colours(theme).danger) }
}

/// Text in the colour of an RTSP state.
pub fn state_text(state: RtspState) -> impl Fn(&Theme) -> text::Style {
    move |theme| text::Style { color: Some(state_colour(theme, state)) }
}

// Styles of buttons.

/// Main button of its group, in the accent colour.
pub fn primary(theme: &Theme, status: button::Status) -> button::Style {
    let colours = colours(theme);
    let background = match status {
        button::Status::Active => colours.accent,
        button::Status::Hovered => mix(colours.accent, Color::WHITE, 0.18),
        button::Status::Pressed => mix(colours.accent, Color::BLACK, 0.12),
        button::Status::Disabled => return disabled(colours),
    };
    button_style(background, colours.on_accent)
}

/// Ordinary button, such as Cancel.
pub fn secondary(theme: &Theme, status: button::Status) -> button::Style {
    let colours = colours(theme);
    let background = match status {
        button::Status::Active => colours.raised,
        button::Status::Hovered => colours.hovered,
        button::Status::Pressed => mix(colours.hovered, colours.text, 0.10),
        button::Status::Disabled => return disabled(colours),
    };
    button_style(background, colours.text)
}

/// Ordinary button of a recording in progress, in red.
pub fn recording(theme: &Theme, status: button::Status) -> button::Style {
    button::Style { text_color: colours(theme).danger, ..secondary(theme, status) }
}

/// Button without a background until the pointer is over it.
pub fn quiet(theme: &Theme, status: button::Status) -> button::Style {
    let colours = colours(theme);
    let style = button_style(colours.raised, colours.text);
    match status {
        button::Status::Active => button::Style { background: None, text_color: colours.muted, ..style },
        button::Status::Hovered => style,
        button::Status::Pressed => style.with_background(colours.hovered),
        button::Status::Disabled => button::Style { background: None, text_color: colours.faint, ..style },
    }
}

/// Option in a row of choices.
pub fn choice(is_selected: bool) -> impl Fn(&Theme, button::Status) -> button::Style {
    move |theme, status| {
        let colours = colours(theme);
        let chosen = button_style(colours.surface, colours.text);
        match (is_selected, status) {
            (true, _) => button::Style { border: outlined(colours.faint, RADIUS - 2.0), ..chosen },
            (false, button::Status::Hovered) => button::Style { background: None, ..chosen },
            (false, _) => button::Style { background: None, text_color: colours.muted, ..chosen },
        }
    }
}

/// Button that is on or off: of a panel, visible or open without space for it, or of a layout.
pub fn toggle(toggle: Toggle) -> impl Fn(&Theme, button::Status) -> button::Style {
    move |theme, status| {
        let colours = colours(theme);
        let style = quiet(theme, status);
        match toggle {
            Toggle::On => button::Style {
                border: Border { width: 1.5, ..outlined(colours.control, RADIUS) },
                ..button_style(colours.raised, colours.text)
            },
            Toggle::Hidden => button::Style { border: outlined(colours.faint, RADIUS), ..style },
            Toggle::Off => style,
        }
    }
}

/// State of a button that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toggle {
    /// Off.
    Off,
    /// On, but there is no space for what it shows.
    Hidden,
    /// On.
    On,
}

/// Large button with several lines of text.
pub fn card(is_selected: bool) -> impl Fn(&Theme, button::Status) -> button::Style {
    move |theme, status| {
        let colours = colours(theme);
        let edge = if is_selected { colours.control } else { colours.line };
        let background = match status {
            button::Status::Hovered | button::Status::Pressed => colours.raised,
            button::Status::Active | button::Status::Disabled => colours.surface,
        };
        button::Style { border: outlined(edge, RADIUS), ..button_style(background, colours.text) }
    }
}

/// Line of a menu.
pub fn menu_line(theme: &Theme, status: button::Status) -> button::Style {
    let colours = colours(theme);
    let style = button_style(colours.hovered, colours.text);
    match status {
        button::Status::Active => button::Style { background: None, ..style },
        button::Status::Hovered | button::Status::Pressed => style,
        button::Status::Disabled => button::Style { background: None, text_color: colours.faint, ..style },
    }
}

/// Button that changes what follows, in the colour of the accent while it is on.
pub fn switched(theme: &Theme, status: button::Status) -> button::Style {
    let colours = colours(theme);
    button::Style { border: outlined(colours.accent, RADIUS), ..secondary(theme, status) }
}

fn button_style(background: Color, text_color: Color) -> button::Style {
    button::Style {
        background: Some(background.into()),
        text_color,
        border: rounded(RADIUS),
        ..button::Style::default()
    }
}

fn disabled(colours: &Colours) -> button::Style {
    button_style(Color { a: 0.45, ..colours.raised }, colours.faint)
}

fn mix(from: Color, to: Color, ratio: f32) -> Color {
    let blend = |a: f32, b: f32| a + (b - a) * ratio;
    Color::from_rgb(blend(from.r, to.r), blend(from.g, to.g), blend(from.b, to.b))
}

// Styles of containers.

/// Menu over the window.
pub fn menu(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style {
        text_color: Some(colours.text),
        background: Some(colours.raised.into()),
        border: outlined(colours.line, RADIUS),
        ..container::Style::default()
    }
}

/// Bar along an edge of the window.
pub fn bar(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style { text_color: Some(colours.text), ..container::background(colours.surface) }
}

/// Panel beside the video.
pub fn panel(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style { text_color: Some(colours.text), ..container::background(colours.surface) }
}

/// Start screen and status bar.
pub fn page(theme: &Theme) -> container::Style {
    container::background(colours(theme).background)
}

/// Dialog. It has no shadow: when tiny-skia redraws a part of the window, it draws the shadow over its complete area
/// again, which makes that area darker each time.
pub fn dialog(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style {
        text_color: Some(colours.text),
        background: Some(colours.surface.into()),
        border: outlined(colours.line, 12.0),
        ..container::Style::default()
    }
}

/// Translucent layer between a dialog and the rest of the window.
pub fn backdrop(theme: &Theme) -> container::Style {
    container::background(colours(theme).backdrop)
}

/// Banner over the video, with a red edge for an error.
pub fn banner(is_error: bool) -> impl Fn(&Theme) -> container::Style {
    move |theme| {
        let colours = colours(theme);
        let edge = if is_error { colours.danger } else { colours.line };
        container::Style {
            text_color: Some(colours.text),
            background: Some(colours.surface.into()),
            border: outlined(edge, RADIUS),
            ..container::Style::default()
        }
    }
}

/// Mark of a live stream, in the colour of the state PLAYING while it plays.
pub fn live_mark(is_playing: bool) -> impl Fn(&Theme) -> container::Style {
    move |theme| {
        let colours = colours(theme);
        let colour = if is_playing { colours.playing } else { colours.muted };
        container::Style {
            text_color: Some(colour),
            border: outlined(colour, 6.0),
            ..container::Style::default()
        }
    }
}

/// Mark of a recording in progress.
pub fn recording_mark(theme: &Theme) -> container::Style {
    container::Style { text_color: Some(colours(theme).danger), ..container::Style::default() }
}

/// Mark of a figure that is right.
pub fn check_mark(theme: &Theme) -> container::Style {
    container::Style { text_color: Some(colours(theme).playing), ..container::Style::default() }
}

/// Background of a poster.
pub fn poster(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style {
        text_color: Some(colours.muted),
        border: rounded(4.0),
        ..container::background(colours.raised)
    }
}

/// Background of a row of choices.
pub fn choices(theme: &Theme) -> container::Style {
    container::Style { border: rounded(RADIUS), ..container::background(colours(theme).raised) }
}

/// Background of a row of the Messages panel that stands for RTP packets.
pub fn media_band(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style {
        text_color: Some(colours.text),
        border: outlined(colours.playing, 6.0),
        ..container::background(mix(colours.surface, colours.playing, 0.16))
    }
}

/// Tooltip beside a button or a figure.
pub fn tooltip(theme: &Theme) -> container::Style {
    let colours = colours(theme);
    container::Style {
        text_color: Some(colours.text),
        background: Some(colours.raised.into()),
        border: outlined(colours.line, 6.0),
        ..container::Style::default()
    }
}

/// Overlay while a file is dragged over the window, dark in both themes so that its white label can be read.
pub fn drop_area(theme: &Theme) -> container::Style {
    let border = Border { width: 2.0, ..outlined(colours(theme).accent, RADIUS) };
    container::Style { border, ..container::background(DARK.backdrop) }
}

/// Dot in the colour of an RTSP state.
pub fn state_dot(state: RtspState) -> impl Fn(&Theme) -> container::Style {
    move |theme| container::Style {
        border: rounded(5.0),
        ..container::background(state_colour(theme, state))
    }
}

// Styles of inputs.

/// Text field, with a red edge if its content is invalid.
pub fn field(is_invalid: bool) -> impl Fn(&Theme, text_input::Status) -> text_input::Style {
    move |theme, status| {
        let colours = colours(theme);
        let is_focused = matches!(status, text_input::Status::Focused { .. });
        let edge = match status {
            _ if is_invalid => colours.danger,
            text_input::Status::Focused { .. } => colours.focus,
            text_input::Status::Hovered => colours.muted,
            text_input::Status::Active | text_input::Status::Disabled => colours.faint,
        };
        text_input::Style {
            background: colours.background.into(),
            border: Border { width: if is_focused { 2.0 } else { 1.0 }, ..outlined(edge, RADIUS) },
            icon: colours.muted,
            placeholder: colours.muted,
            value: colours.text,
            selection: Color { a: 0.35, ..colours.accent },
        }
    }
}

/// Switch with two positions, on and off.
pub fn switch(theme: &Theme, status: toggler::Status) -> toggler::Style {
    let colours = colours(theme);
    let is_on = match status {
        toggler::Status::Active { is_toggled }
        | toggler::Status::Hovered { is_toggled }
        | toggler::Status::Disabled { is_toggled } => is_toggled,
    };
    let (track, thumb) = match is_on {
        true => (colours.control, colours.on_accent),
        false => (colours.hovered, colours.muted),
    };
    toggler::Style {
        background: track.into(),
        background_border_width: 1.0,
        background_border_color: if is_on { colours.control } else { colours.faint },
        foreground: thumb.into(),
        foreground_border_width: 0.0,
        foreground_border_color: Color::TRANSPARENT,
        text_color: Some(colours.text),
        border_radius: None,
        padding_ratio: 0.15,
    }
}

/// Scroll bar of panels and dialogs.
pub fn scroll_bar(theme: &Theme, status: scrollable::Status) -> scrollable::Style {
    let colours = colours(theme);
    let mut style = scrollable::default(theme, status);
    style.vertical_rail.background = None;
    style.vertical_rail.scroller.background = match status {
        scrollable::Status::Active { .. } => colours.faint.into(),
        scrollable::Status::Hovered { .. } | scrollable::Status::Dragged { .. } => colours.muted.into(),
    };
    style.vertical_rail.scroller.border = rounded(3.0);
    style
}

/// Slider, such as the time line.
pub fn slider_style(theme: &Theme, status: slider::Status) -> slider::Style {
    let colours = colours(theme);
    let handle = match status {
        slider::Status::Active => colours.control,
        slider::Status::Hovered | slider::Status::Dragged => mix(colours.control, colours.text, 0.2),
    };
    slider::Style {
        rail: slider::Rail {
            backgrounds: (colours.control.into(), colours.hovered.into()),
            width: 5.0,
            border: rounded(2.5),
        },
        handle: slider::Handle {
            shape: slider::HandleShape::Circle { radius: 7.0 },
            background: Background::Color(handle),
            border_width: 2.0,
            border_color: colours.surface,
        },
    }
}

/// Width of the edge between two colours of a gradient, as a part of its length.
const GRADIENT_EDGE: f32 = 0.001;

/// Slider of which only the first part behind the handle, from 0 to 1, can be reached.
pub fn indexing_slider_style(theme: &Theme, status: slider::Status, reachable: f32) -> slider::Style {
    let colours = colours(theme);
    let style = slider_style(theme, status);
    let reachable = reachable.clamp(0.0, 1.0);
    // Two stops at the same place would change their order.
    let right = Linear::new(Degrees(90.0))
        .add_stop(0.0, colours.faint)
        .add_stop(reachable, colours.faint)
        .add_stop((reachable + GRADIENT_EDGE).min(1.0), colours.hovered)
        .add_stop(1.0, colours.hovered);
    let (left, _) = style.rail.backgrounds;
    slider::Style { rail: slider::Rail { backgrounds: (left, right.into()), ..style.rail }, ..style }
}

/// Slider that cannot be moved, or has no effect.
pub fn disabled_slider_style(theme: &Theme, _: slider::Status) -> slider::Style {
    let colours = colours(theme);
    let style = slider_style(theme, slider::Status::Active);
    slider::Style {
        rail: slider::Rail { backgrounds: (colours.faint.into(), colours.raised.into()), ..style.rail },
        handle: slider::Handle { background: colours.faint.into(), ..style.handle },
    }
}

#[cfg(test)]
mod contrast;
