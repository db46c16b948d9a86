//! Certificates and films in the settings file. Sans-I/O.

use std::path::Path;
use std::str::FromStr;

use toml_edit::{Item, Table, TableLike, Value};

use super::problem::IgnoredValue;
use super::tables::{Entry, replace, text, write_text};
use super::values::FilmSettings;
use crate::media::FrameRate;
use crate::session::{Orientation, ParseFingerprintError, TrustedCertificate};

impl Entry for TrustedCertificate {
    const KEY: &'static str = "certificates";
    const ID_KEY: &'static str = "address";

    fn has_id(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
    }

    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue> {
        let (table, address) = with_address(table, "a certificate")?;
        let fingerprint =
            text(table, "sha256").unwrap_or_default().parse().map_err(|error: ParseFingerprintError| {
                IgnoredValue { key: ".sha256".to_owned(), rule: error.to_string() }
            })?;
        Ok(Self { address, fingerprint })
    }

    fn write(&self, table: &mut Table) {
        write_text(table, "address", &self.address);
        if text(table, "sha256").and_then(|known| known.parse().ok()) != Some(self.fingerprint) {
            write_text(table, "sha256", &self.fingerprint.to_string());
        }
    }
}

impl Entry for FilmSettings {
    const KEY: &'static str = "films";
    const ID_KEY: &'static str = "path";

    fn has_id(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue> {
        let found =
            table.and_then(|table| Some((table, text(table, "path").filter(|path| !path.is_empty())?)));
        let (table, path) = found.ok_or_else(|| IgnoredValue {
            key: String::new(),
            rule: "a film has a path like \"/films/talk.mjpeg\"".to_owned(),
        })?;
        let frame_rate = table
            .get("frame_rate")
            .map(|item| frame_rate(Some(item)))
            .transpose()
            .map_err(|rule| IgnoredValue { key: ".frame_rate".to_owned(), rule })?;
        // A frame that cannot be read is none.
        let left_at_frame = left_at_frame(table);
        Ok(Self { path: path.into(), frame_rate, orientation: orientation(table)?, left_at_frame })
    }

    fn write(&self, table: &mut Table) {
        // A path that is not Unicode is not remembered.
        write_text(table, "path", self.path.to_str().unwrap_or_default());
        match self.frame_rate {
            Some(rate) if frame_rate(table.get("frame_rate")) != Ok(rate) => {
                replace(table, "frame_rate", frame_rate_value(rate));
            }
            Some(_) => {}
            None => remove(table, "frame_rate"),
        }
        if orientation(table) != Ok(self.orientation) {
            let (degrees, is_flipped) = (self.orientation.degrees(), self.orientation.is_flipped());
            match degrees {
                0 => remove(table, "rotation"),
                _ => replace(table, "rotation", i64::from(degrees).into()),
            }
            match is_flipped {
                false => remove(table, "flipped"),
                true => replace(table, "flipped", true.into()),
            }
        }
        if left_at_frame(table) != self.left_at_frame {
            match self.left_at_frame.and_then(|frame| i64::try_from(frame).ok()) {
                Some(frame) => replace(table, "left_at_frame", frame.into()),
                None => remove(table, "left_at_frame"),
            }
        }
    }
}

fn left_at_frame(table: &dyn TableLike) -> Option<u64> {
    table.get("left_at_frame").and_then(Item::as_integer).and_then(|frame| u64::try_from(frame).ok())
}

/// Removes a value, if there is one.
fn remove(table: &mut Table, key: &str) {
    table.remove(key);
}

/// Reads rotation and reflection of a film; without them it is upright.
fn orientation(table: &dyn TableLike) -> Result<Orientation, IgnoredValue> {
    let flipped = table
        .get("flipped")
        .map_or(Some(false), Item::as_bool)
        .ok_or_else(|| IgnoredValue { key: ".flipped".to_owned(), rule: "it is true or false".to_owned() })?;
    let degrees = table.get("rotation").map_or(Some(0), Item::as_integer);
    degrees.and_then(|degrees| Orientation::new(degrees, flipped)).ok_or_else(|| IgnoredValue {
        key: ".rotation".to_owned(),
        rule: "a rotation is 0, 90, 180 or 270 degrees".to_owned(),
    })
}

/// Parses a frame rate: a number, or a text such as `"30000/1001"`.
///
/// # Errors
/// Returns the rule that the value breaks.
pub(super) fn frame_rate(item: Option<&Item>) -> Result<FrameRate, String> {
    let text = match item.and_then(Item::as_value) {
        Some(Value::Integer(number)) => number.value().to_string(),
        Some(Value::Float(number)) => number.value().to_string(),
        Some(Value::String(text)) => text.value().clone(),
        _ => String::new(),
    };
    FrameRate::from_str(&text).map_err(|error| error.to_string())
}

/// Returns an integral frame rate as an integer, one with at most two decimals as a number, any other as a fraction.
pub(super) fn frame_rate_value(rate: FrameRate) -> Value {
    let text = rate.exact_text();
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => number.into(),
        (Err(_), Ok(number)) => number.into(),
        (Err(_), Err(_)) => text.into(),
    }
}

/// Returns the table and its address.
fn with_address<'a>(
    table: Option<&'a dyn TableLike>,
    noun: &str,
) -> Result<(&'a dyn TableLike, String), IgnoredValue> {
    let found = table.and_then(|table| {
        Some((table, text(table, "address").filter(|address| !address.is_empty())?.to_owned()))
    });
    let rule = || format!("{noun} has an address like \"lab.example:8554\"");
    found.ok_or_else(|| IgnoredValue { key: String::new(), rule: rule() })
}
