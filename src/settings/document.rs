//! Settings in a TOML document. Sans-I/O.
//!
//! [`read`] returns the valid settings of a document. [`write()`] changes only values that differ, so that manual edits
//! are kept: comments, formatting, order and unknown keys.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::panels::{MAX_PANEL_WIDTH, MIN_PANEL_WIDTH, PanelKind, PanelSettings};
use super::problem::IgnoredValue;
use super::recents::Recent;
use super::tables::{Entry as _, read_entries, replace, write_entries, write_text};
use super::values::{
    Controls, FilmSettings, MAX_INTERFACE_SCALE, MIN_INTERFACE_SCALE, Settings, ThemePreference,
};
use super::{entries, window};
use crate::media::FrameRate;
use crate::proto::fec::ParityLayout;
use crate::recording::{RecordingFormat, SnapshotFormat};
use crate::session::{Scaling, TrustedCertificate};

/// Text of a new settings file, with the default values.
const TEMPLATE: &str = "\
# Settings of Reelay. Comments, and keys that Reelay does not know, are kept when it saves.

# Buttons: three (Play, Pause, Stop) or four (Setup, Play, Pause, Teardown).
controls = \"three\"

# Theme: system, dark or light.
theme = \"system\"

# Frames per second of films that state no rate, from 0.1 to 240, like 25, 29.97 or \"30000/1001\".
frame_rate = 20

# Playout delay in milliseconds, from 0 to 5000.
playout_delay_ms = 50

# Playout delay that follows the jitter of the network instead: true or false.
automatic_playout_delay = false

# Requests lost packets again where the server can send them: true or false.
retransmission = false

# Parity packets from which lost packets are recovered where the server offers them: off, one for a number of packets like
# \"5\" (2 to 24), or one for each row and column of a grid like \"10x10\" (at most 110 packets).
error_correction = \"off\"

# Size of text and controls in percent, from 100 to 200.
interface_scale = 100

# Format of recordings: mov (keeps the time of each frame), avi, or classroom (holds no times).
recording_format = \"mov\"

# Format of snapshots: jpeg (the frame as it arrived) or png.
snapshot_format = \"jpeg\"

# Frames of which a part was lost: shown with that part from the frame before (true), or not shown (false).
show_damaged_frames = true

# Colours the parts of a frame that were lost: true or false.
tint_missing_parts = false

# Open panels: network, statistics, messages, in the order in which they were opened.
panels = []

# Width of a panel in logical pixels, from 300 to 800.
panel_width = 380

# Lesson layout: a small picture, and all panels in a row.
lesson_layout = false

# Films and streams that are opened are remembered for the start screen: true or false.
keep_recents = true

# With three buttons, films play as soon as they are opened: true or false.
play_when_opened = false

# The window stays above all others: true or false.
keep_on_top = false

# Films continue where they were left: true or false.
resume_films = false

# Size of the picture: fit (all of it), fill (without bars), or actual (100 %).
picture_size = \"fit\"
";

/// Keys at the top of a document.
const KEYS: [&str; 26] = [
    "controls",
    "theme",
    "frame_rate",
    "playout_delay_ms",
    "automatic_playout_delay",
    "retransmission",
    "error_correction",
    "interface_scale",
    "recording_format",
    "snapshot_format",
    "film_folder",
    "save_folder",
    "show_damaged_frames",
    "tint_missing_parts",
    "panels",
    "panel_width",
    "lesson_layout",
    window::KEY,
    "keep_recents",
    Recent::KEY,
    "picture_size",
    "play_when_opened",
    "keep_on_top",
    "resume_films",
    TrustedCertificate::KEY,
    FilmSettings::KEY,
];

/// Value of a file without parity packets.
const ERROR_CORRECTION_OFF: &str = "off";

/// Rule that a value breaks.
type Rule = String;

/// Returns a new document with explanations and the default values.
pub fn template() -> DocumentMut {
    TEMPLATE.parse().unwrap_or_default()
}

/// Reads settings. A value that is missing or cannot be used is the default; the second result lists those that cannot
/// be used.
pub fn read(table: &Table) -> (Settings, Vec<IgnoredValue>) {
    let mut settings = Settings::default();
    let mut ignored = Vec::new();
    read_value(table, "controls", controls, &mut settings.controls, &mut ignored);
    read_value(table, "theme", theme, &mut settings.theme, &mut ignored);
    read_value(table, "frame_rate", frame_rate, &mut settings.frame_rate, &mut ignored);
    read_value(table, "playout_delay_ms", playout_delay_ms, &mut settings.playout_delay_ms, &mut ignored);
    read_value(table, "automatic_playout_delay", flag, &mut settings.automatic_playout_delay, &mut ignored);
    read_value(table, "retransmission", flag, &mut settings.retransmission, &mut ignored);
    read_value(table, "error_correction", error_correction, &mut settings.error_correction, &mut ignored);
    read_value(table, "interface_scale", interface_scale, &mut settings.interface_scale, &mut ignored);
    read_value(table, "recording_format", recording_format, &mut settings.recording_format, &mut ignored);
    read_value(table, "snapshot_format", snapshot_format, &mut settings.snapshot_format, &mut ignored);
    read_value(table, "film_folder", folder, &mut settings.film_folder, &mut ignored);
    read_value(table, "save_folder", folder, &mut settings.save_folder, &mut ignored);
    read_value(table, "show_damaged_frames", flag, &mut settings.show_damaged_frames, &mut ignored);
    read_value(table, "tint_missing_parts", flag, &mut settings.tint_missing_parts, &mut ignored);
    read_value(table, "panels", panels, &mut settings.panels.open, &mut ignored);
    read_value(table, "panel_width", panel_width, &mut settings.panels.width, &mut ignored);
    read_value(table, "lesson_layout", flag, &mut settings.panels.is_lesson, &mut ignored);
    read_value(table, "play_when_opened", flag, &mut settings.play_when_opened, &mut ignored);
    read_value(table, "keep_on_top", flag, &mut settings.keep_on_top, &mut ignored);
    read_value(table, "resume_films", flag, &mut settings.resume_films, &mut ignored);
    read_value(table, "picture_size", picture_size, &mut settings.picture_size, &mut ignored);
    if let Some(item) = table.get(window::KEY) {
        settings.window = window::read(item, &mut ignored);
    }
    read_value(table, "keep_recents", flag, &mut settings.keep_recents, &mut ignored);
    if let Some(item) = table.get(Recent::KEY) {
        settings.recents = read_entries(item, &mut ignored);
    }
    if let Some(item) = table.get(TrustedCertificate::KEY) {
        settings.certificates = read_entries(item, &mut ignored);
    }
    if let Some(item) = table.get(FilmSettings::KEY) {
        settings.films = read_entries(item, &mut ignored);
    }
    (settings, ignored)
}

fn read_value<T>(
    table: &Table,
    key: &str,
    parse: fn(&Item) -> Result<T, Rule>,
    value: &mut T,
    ignored: &mut Vec<IgnoredValue>,
) {
    match table.get(key).map(parse) {
        Some(Ok(parsed)) => *value = parsed,
        Some(Err(rule)) => ignored.push(IgnoredValue { key: key.to_owned(), rule }),
        None => {}
    }
}

/// Returns the keys that are not settings.
pub fn unknown_keys(table: &Table) -> impl Iterator<Item = (&str, &Item)> {
    table.iter().filter(|(key, _)| !KEYS.contains(key))
}

/// Writes settings into a document. A value with the same meaning is not touched. A value that cannot be used is kept
/// until the setting differs from its default.
pub fn write(document: &mut DocumentMut, settings: &Settings) {
    let defaults = Settings::default();
    write_value(document, "controls", controls, settings.controls, defaults.controls, |controls| {
        controls.as_str().into()
    });
    write_value(document, "theme", theme, settings.theme, defaults.theme, |theme| theme.as_str().into());
    write_value(
        document,
        "frame_rate",
        frame_rate,
        settings.frame_rate,
        defaults.frame_rate,
        entries::frame_rate_value,
    );
    write_value(
        document,
        "playout_delay_ms",
        playout_delay_ms,
        settings.playout_delay_ms,
        defaults.playout_delay_ms,
        |delay| i64::from(delay).into(),
    );
    write_later_settings(document, settings, &defaults);
    write_folder(document, "film_folder", settings.film_folder.as_deref());
    write_folder(document, "save_folder", settings.save_folder.as_deref());
    for (key, value, default) in [
        ("show_damaged_frames", settings.show_damaged_frames, defaults.show_damaged_frames),
        ("tint_missing_parts", settings.tint_missing_parts, defaults.tint_missing_parts),
        ("keep_recents", settings.keep_recents, defaults.keep_recents),
        ("automatic_playout_delay", settings.automatic_playout_delay, defaults.automatic_playout_delay),
        ("retransmission", settings.retransmission, defaults.retransmission),
        ("play_when_opened", settings.play_when_opened, defaults.play_when_opened),
        ("keep_on_top", settings.keep_on_top, defaults.keep_on_top),
        ("resume_films", settings.resume_films, defaults.resume_films),
    ] {
        // A file that does not have them is not changed for the default.
        if document.contains_key(key) || value != default {
            write_value(document, key, flag, value, default, Value::from);
        }
    }
    let (layout, default) = (settings.error_correction, defaults.error_correction);
    if document.contains_key("error_correction") || layout != default {
        write_value(document, "error_correction", error_correction, layout, default, |layout| {
            layout.map_or_else(|| ERROR_CORRECTION_OFF.to_owned(), |layout| layout.to_string()).into()
        });
    }
    write_panels(document, &settings.panels);
    let (size, default) = (settings.picture_size, defaults.picture_size);
    if document.contains_key("picture_size") || size != default {
        write_value(document, "picture_size", picture_size, size, default, |size| size.as_str().into());
    }
    window::write(document, settings.window);
    write_entries(document, &settings.recents);
    write_entries(document, &settings.certificates);
    write_entries(document, &settings.films);
}

/// Writes the settings that earlier files do not have. A file without one is not changed for the default.
fn write_later_settings(document: &mut DocumentMut, settings: &Settings, defaults: &Settings) {
    let scale = settings.interface_scale;
    if document.contains_key("interface_scale") || scale != defaults.interface_scale {
        write_value(document, "interface_scale", interface_scale, scale, defaults.interface_scale, |scale| {
            i64::from(scale).into()
        });
    }
    let (recording, snapshot) = (settings.recording_format, settings.snapshot_format);
    if document.contains_key("recording_format") || recording != defaults.recording_format {
        let default = defaults.recording_format;
        write_value(document, "recording_format", recording_format, recording, default, |format| {
            format.as_str().into()
        });
    }
    if document.contains_key("snapshot_format") || snapshot != defaults.snapshot_format {
        let default = defaults.snapshot_format;
        write_value(document, "snapshot_format", snapshot_format, snapshot, default, |format| {
            format.as_str().into()
        });
    }
}

/// Writes a folder that the program remembers, or removes it.
fn write_folder(document: &mut DocumentMut, key: &str, value: Option<&Path>) {
    match value.and_then(Path::to_str) {
        Some(path) => write_text(document, key, path),
        None if document.get(key).is_some_and(|item| folder(item).is_ok()) => {
            document.remove(key);
        }
        None => {}
    }
}

/// Writes the open panels and their width. A file that does not have them is not changed for the default.
fn write_panels(document: &mut DocumentMut, settings: &PanelSettings) {
    let defaults = PanelSettings::default();
    if document.contains_key("panels") || settings.open != defaults.open {
        write_value(document, "panels", panels, settings.open.clone(), defaults.open, |open| {
            Value::Array(open.iter().map(|panel| panel.as_str()).collect())
        });
    }
    if document.contains_key("panel_width") || settings.width != defaults.width {
        write_value(document, "panel_width", panel_width, settings.width, defaults.width, |width| {
            i64::from(width).into()
        });
    }
    if document.contains_key("lesson_layout") || settings.is_lesson != defaults.is_lesson {
        let default = defaults.is_lesson;
        write_value(document, "lesson_layout", flag, settings.is_lesson, default, Value::from);
    }
}

fn write_value<T: PartialEq>(
    table: &mut Table,
    key: &str,
    parse: fn(&Item) -> Result<T, Rule>,
    value: T,
    default: T,
    encode: fn(T) -> Value,
) {
    let is_kept = match table.get(key).map(parse) {
        Some(Ok(current)) => current == value,
        Some(Err(_)) => value == default,
        None => false,
    };
    if !is_kept {
        replace(table, key, encode(value));
    }
}

fn text(item: &Item) -> Result<&str, Rule> {
    item.as_str().ok_or_else(|| "it is a text in quotation marks".to_owned())
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Rule> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn controls(item: &Item) -> Result<Controls, Rule> {
    parse(text(item)?)
}

fn theme(item: &Item) -> Result<ThemePreference, Rule> {
    parse(text(item)?)
}

fn recording_format(item: &Item) -> Result<RecordingFormat, Rule> {
    parse(text(item)?)
}

fn snapshot_format(item: &Item) -> Result<SnapshotFormat, Rule> {
    parse(text(item)?)
}

fn error_correction(item: &Item) -> Result<Option<ParityLayout>, Rule> {
    match text(item)? {
        ERROR_CORRECTION_OFF => Ok(None),
        layout => parse(layout).map(Some),
    }
}

fn picture_size(item: &Item) -> Result<Scaling, Rule> {
    parse(text(item)?)
}

fn frame_rate(item: &Item) -> Result<FrameRate, Rule> {
    entries::frame_rate(Some(item))
}

fn folder(item: &Item) -> Result<Option<PathBuf>, Rule> {
    Ok(Some(text(item)?.into()))
}

fn flag(item: &Item) -> Result<bool, Rule> {
    item.as_bool().ok_or_else(|| "it is true or false".to_owned())
}

fn playout_delay_ms(item: &Item) -> Result<u32, Rule> {
    let milliseconds = item.as_integer().and_then(|number| u32::try_from(number).ok());
    milliseconds.ok_or_else(|| "a playout delay is a whole number of milliseconds".to_owned())
}

fn panels(item: &Item) -> Result<Vec<PanelKind>, Rule> {
    let names = item.as_array().ok_or_else(|| "the panels are a list of names".to_owned())?;
    let mut panels = Vec::new();
    for name in names {
        let panel = parse(name.as_str().unwrap_or_default())?;
        if !panels.contains(&panel) {
            panels.push(panel);
        }
    }
    Ok(panels)
}

fn panel_width(item: &Item) -> Result<u32, Rule> {
    let width = item.as_integer().and_then(|number| u32::try_from(number).ok());
    width.filter(|width| (MIN_PANEL_WIDTH..=MAX_PANEL_WIDTH).contains(width)).ok_or_else(|| {
        format!("the width of a panel is a whole number from {MIN_PANEL_WIDTH} to {MAX_PANEL_WIDTH}")
    })
}

fn interface_scale(item: &Item) -> Result<u8, Rule> {
    let percent = item.as_integer().and_then(|number| u8::try_from(number).ok());
    percent.filter(|percent| (MIN_INTERFACE_SCALE..=MAX_INTERFACE_SCALE).contains(percent)).ok_or_else(|| {
        format!("a size is a whole number of percent from {MIN_INTERFACE_SCALE} to {MAX_INTERFACE_SCALE}")
    })
}

#[cfg(test)]
mod tests;
