//! Size and place of the window in the settings file. Sans-I/O.

use std::ops::RangeInclusive;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::problem::IgnoredValue;

/// Key of the table at the top of the settings file.
pub const KEY: &str = "window";

/// Lengths of a window that can be used, in logical points.
const LENGTHS: RangeInclusive<i64> = 100..=32_767;

/// Coordinates of a window that can be used, in logical points.
const COORDINATES: RangeInclusive<i64> = -32_768..=32_767;

/// Size and place that the window had when it was closed. Lengths are logical points: pixels divided by the scale of
/// the system, whatever the size of text and controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowSettings {
    /// Width and height of the content while the window is neither maximized nor in full screen; `None` before the
    /// window was closed for the first time.
    pub size: Option<(u32, u32)>,
    /// Upper left corner of the window with its frame; `None` if the system does not tell, as on Wayland.
    pub position: Option<(i32, i32)>,
    /// True if the window is maximized.
    pub is_maximized: bool,
}

/// Reads the table. A value that cannot be used is missing, and added to `ignored`.
pub(super) fn read(item: &Item, ignored: &mut Vec<IgnoredValue>) -> WindowSettings {
    let Some(table) = item.as_table_like() else {
        ignored.push(IgnoredValue { key: KEY.to_owned(), rule: "the window is a table".to_owned() });
        return WindowSettings::default();
    };
    let mut number = |key: &str, range: RangeInclusive<i64>| -> Option<i64> {
        let item = table.get(key)?;
        let number = item.as_integer().filter(|number| range.contains(number));
        if number.is_none() {
            let rule = format!("it is a whole number from {} to {}", range.start(), range.end());
            ignored.push(IgnoredValue { key: format!("{KEY}.{key}"), rule });
        }
        number
    };
    let length = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let size = length(number("width", LENGTHS)).zip(length(number("height", LENGTHS)));
    let coordinate = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
    let position = coordinate(number("x", COORDINATES)).zip(coordinate(number("y", COORDINATES)));
    let is_maximized = table.get("maximized").map(|item| item.as_bool().ok_or(()));
    if let Some(Err(())) = is_maximized {
        let rule = "it is true or false".to_owned();
        ignored.push(IgnoredValue { key: format!("{KEY}.maximized"), rule });
    }
    WindowSettings { size, position, is_maximized: is_maximized.and_then(Result::ok).unwrap_or_default() }
}

/// Writes the table, unless it has the same meaning. Other keys in it are kept.
pub(super) fn write(document: &mut DocumentMut, settings: WindowSettings) {
    let current = document.get(KEY).map(|item| read(item, &mut Vec::new()));
    if current.unwrap_or_default() == settings {
        return;
    }
    if document.get(KEY).is_none_or(|item| !item.is_table_like()) {
        document.insert(KEY, Item::Table(Table::new()));
    }
    let Some(table) = document.get_mut(KEY).and_then(Item::as_table_like_mut) else { return };
    let (width, height) = settings.size.unzip();
    let (x, y) = settings.position.unzip();
    set(table, "width", width.map(|width| i64::from(width).into()));
    set(table, "height", height.map(|height| i64::from(height).into()));
    set(table, "x", x.map(|x| i64::from(x).into()));
    set(table, "y", y.map(|y| i64::from(y).into()));
    set(table, "maximized", Some(settings.is_maximized.into()));
}

/// Sets a value, keeping the comments around it, or removes it.
fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    if let Some(current) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = current.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (WindowSettings, Vec<IgnoredValue>) {
        let mut ignored = Vec::new();
        let document: DocumentMut = text.parse().unwrap();
        (read(&document[KEY], &mut ignored), ignored)
    }

    fn written(text: &str, settings: WindowSettings) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        write(&mut document, settings);
        document.to_string()
    }

    #[test]
    fn size_and_place_are_written_and_read_again() {
        let settings =
            WindowSettings { size: Some((1_000, 700)), position: Some((-20, 30)), is_maximized: true };
        let text = written("theme = 'dark'\n", settings);
        let table = "[window]\nwidth = 1000\nheight = 700\nx = -20\ny = 30\nmaximized = true\n";
        assert!(text.contains(table), "{text}");
        assert_eq!(read_text(&text), (settings, Vec::new()));
        assert_eq!(written(&text, settings), text);
        let without_place = WindowSettings { position: None, ..settings };
        assert!(!written(&text, without_place).contains("x = "), "a place that is not known is removed");
    }

    #[test]
    fn comments_and_other_keys_of_the_table_are_kept() {
        let text = "[window] # of the lab\nwidth = 800 # wide\nheight = 600\nscreen = 2\n";
        assert_eq!(written(text, read_text(text).0), text);
        let settings = WindowSettings { size: Some((900, 600)), ..WindowSettings::default() };
        let changed = written(text, settings);
        assert!(changed.contains("width = 900 # wide") && changed.contains("screen = 2"), "{changed}");
        let inline = written("window = { width = 800, height = 600 }\n", settings);
        assert_eq!(read_text(&inline).0, settings, "{inline}");
        assert_eq!(written("", WindowSettings::default()), "");
    }

    #[test]
    fn wrong_value_costs_only_itself() {
        for (text, key) in [
            ("window = 3", "window"),
            ("[[window]]\nwidth = 3", "window"),
            ("[window]\nwidth = 99\nheight = 500", "window.width"),
            ("[window]\nwidth = 900\nheight = 99999999999", "window.height"),
            ("[window]\nx = 'left'\ny = 3", "window.x"),
            ("[window]\nx = 1\ny = 1.5", "window.y"),
            ("[window]\nmaximized = 1", "window.maximized"),
        ] {
            let (settings, ignored) = read_text(text);
            assert_eq!(settings, WindowSettings::default(), "{text}");
            assert!(ignored.len() == 1 && ignored[0].key == key, "{text}: {ignored:?}");
            let changed = written(text, WindowSettings { is_maximized: true, ..settings });
            assert!(read_text(&changed).0.is_maximized, "{changed}");
        }
        let (settings, _) = read_text("[window]\nwidth = 9\nheight = 500\nx = 3\ny = 4");
        assert_eq!((settings.size, settings.position), (None, Some((3, 4))));
    }
}
