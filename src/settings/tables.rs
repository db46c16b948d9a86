//! Arrays of tables in a TOML document, such as `[[recents]]`. Sans-I/O.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::problem::IgnoredValue;

/// Entry of an array of tables, which one of its values identifies.
pub trait Entry: PartialEq + Sized {
    /// Key of the array.
    const KEY: &'static str;

    /// Key of the value that identifies the entry, such as `address`.
    const ID_KEY: &'static str;

    /// Returns true if a value of [`Entry::ID_KEY`] identifies this entry.
    fn has_id(&self, id: &str) -> bool;

    /// Reads an entry; `None` for a value that is no table.
    ///
    /// # Errors
    /// Returns the rule that the entry breaks, and the key in it, like `.dialect`; an empty key if it is the entry
    /// itself.
    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue>;

    /// Writes the entry into its table, which keeps values with the same meaning.
    fn write(&self, table: &mut Table);
}

/// Reads the entries of an array, whether they are written as `[[recents]]` or as inline tables. Those that cannot be
/// used are added to `ignored`.
pub fn read_entries<T: Entry>(item: &Item, ignored: &mut Vec<IgnoredValue>) -> Vec<T> {
    let tables: Vec<Option<&dyn TableLike>> = match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|table| Some(table as &dyn TableLike)).collect(),
        Item::Value(Value::Array(array)) => {
            array.iter().map(|value| value.as_inline_table().map(|table| table as &dyn TableLike)).collect()
        }
        _ => vec![None],
    };
    let mut entries = Vec::new();
    for (number, table) in (1..).zip(tables) {
        match T::read(table) {
            Ok(entry) => entries.push(entry),
            Err(IgnoredValue { key, rule }) => {
                ignored.push(IgnoredValue { key: format!("{}[{number}]{key}", T::KEY), rule });
            }
        }
    }
    entries
}

/// Writes entries as an array of tables. The table of an entry keeps its comments and unknown keys wherever it moves; a
/// table that cannot be used moves to the end.
pub fn write_entries<T: Entry>(document: &mut DocumentMut, entries: &[T]) {
    let current = document.get(T::KEY).map(|item| read_entries::<T>(item, &mut Vec::new()));
    if current.unwrap_or_default() == entries {
        return;
    }
    if document.get(T::KEY).is_some_and(Item::is_value)
        && let Some(mut key) = document.key_mut(T::KEY)
    {
        // The spaces before the `=` would stand in the header of the table.
        key.leaf_decor_mut().clear();
    }
    let item = document.entry(T::KEY).or_insert(Item::None);
    let old = std::mem::take(item).into_array_of_tables().unwrap_or_default();
    let mut old: Vec<Table> = old.into_iter().collect();
    let mut tables = ArrayOfTables::new();
    for entry in entries {
        let has_id = |table: &Table| text(table, T::ID_KEY).is_some_and(|id| entry.has_id(id));
        let mut table = old.iter().position(has_id).map(|at| old.remove(at)).unwrap_or_default();
        entry.write(&mut table);
        tables.push(table);
    }
    for unusable in old.into_iter().filter(|table| T::read(Some(table)).is_err()) {
        tables.push(unusable);
    }
    // Tables are written in the order of their positions; without one, each follows the table before it.
    tables.iter_mut().for_each(|table| table.set_position(None));
    *item = Item::ArrayOfTables(tables);
}

/// Returns a text in a table; `None` if it is missing or another kind of value.
pub fn text<'a>(table: &'a dyn TableLike, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Item::as_str)
}

/// Replaces a text, unless it is the same.
pub fn write_text(table: &mut Table, key: &str, value: &str) {
    if text(table, key) != Some(value) {
        replace(table, key, value.into());
    }
}

/// Replaces a value, and keeps the comments around it.
pub fn replace(table: &mut Table, key: &str, mut value: Value) {
    match table.get_mut(key) {
        Some(Item::Value(current)) => {
            *value.decor_mut() = current.decor().clone();
            *current = value;
        }
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}
