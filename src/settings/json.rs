//! Settings file of versions before TOML. Sans-I/O.

use serde_json::Value as Json;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::document;
use super::problem::IgnoredValue;
use super::values::Settings;

/// Converts the text of a `settings.json` into settings, and into a document that holds them and all other keys.
///
/// # Errors
/// [`serde_json::Error`] if the text is not a JSON object.
pub fn convert(text: &[u8]) -> Result<(Settings, Vec<IgnoredValue>, DocumentMut), serde_json::Error> {
    let object: serde_json::Map<String, Json> = serde_json::from_slice(text)?;
    let table: Table = object.into_iter().filter_map(|(key, json)| Some((key, item(json)?))).collect();
    let (settings, ignored) = document::read(&table);
    let mut document = document::template();
    document::write(&mut document, &settings);
    for (key, item) in document::unknown_keys(&table) {
        document.insert(key, item.clone());
    }
    Ok((settings, ignored, document))
}

/// Converts a value at the top of the file; `None` for `null`, which TOML lacks.
fn item(json: Json) -> Option<Item> {
    match json {
        Json::Array(values) if !values.is_empty() && values.iter().all(Json::is_object) => {
            let mut tables = ArrayOfTables::new();
            for json in values {
                tables.push(value(json)?.as_inline_table()?.clone().into_table());
            }
            Some(Item::ArrayOfTables(tables))
        }
        json => value(json).map(Item::Value),
    }
}

fn value(json: Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => flag.into(),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64()?.into(),
        },
        Json::String(text) => text.into(),
        Json::Array(values) => Value::Array(values.into_iter().filter_map(value).collect()),
        Json::Object(object) => {
            let table: InlineTable =
                object.into_iter().filter_map(|(key, json)| Some((key, value(json)?))).collect();
            Value::InlineTable(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FrameRate;
    use crate::settings::{Controls, ThemePreference};

    #[test]
    fn json_becomes_toml_with_all_keys() {
        let text = r#"{
  "controls": "four",
  "theme": "light",
  "frame_rate": "29.97",
  "playout_delay_ms": 350,
  "servers": [{"address": "lab:1", "dialect": "classroom", "room": 7}],
  "screen": {"width": 640, "split": [1, 2.5, null], "note": null},
  "nothing": null
}"#;
        let (settings, ignored, document) = convert(text.as_bytes()).unwrap();
        let expected = Settings {
            controls: Controls::Four,
            theme: ThemePreference::Light,
            frame_rate: FrameRate::new(30_000, 1_001).unwrap(),
            playout_delay_ms: 350,
            ..Settings::default()
        };
        assert_eq!((settings.clone(), ignored), (expected, Vec::new()));
        let text = document.to_string();
        let again: DocumentMut = text.parse().unwrap();
        assert_eq!(document::read(&again), (settings, Vec::new()), "{text}");
        assert!(text.contains("# Theme:") && text.contains("\nscreen = { "), "{text}");
        assert!(text.contains("[[servers]]\n") && text.contains("room = 7\n"), "{text}");
    }

    #[test]
    fn wrong_values_cost_only_themselves() {
        let (settings, ignored, _) = convert(br#"{"theme": "purple", "controls": "four"}"#).unwrap();
        assert_eq!(settings, Settings { controls: Controls::Four, ..Settings::default() });
        assert_eq!(ignored[0].key, "theme");
        assert_eq!(convert(b"{}").unwrap().0, Settings::default());
        for text in ["", "[]", "not json", "{\"theme\": "] {
            assert!(convert(text.as_bytes()).is_err(), "{text}");
        }
    }
}
