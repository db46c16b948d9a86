//! The list of what is played one after the other. Sans-I/O.

use super::playback::Source;

/// List of films and streams, one of which is open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlayList {
    entries: Vec<Entry>,
    /// Index of the entry that is open; meaningless in an empty list.
    current: usize,
    repeat: Repeat,
}

/// Film or stream of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Media to open.
    pub source: Source,
    /// The last attempt to open or to play it failed.
    pub has_failed: bool,
}

impl Entry {
    /// Creates an entry that has not been opened yet.
    pub fn new(source: Source) -> Self {
        Self { source, has_failed: false }
    }

    /// Creates an entry whose file does not exist.
    pub fn missing(source: Source) -> Self {
        Self { source, has_failed: true }
    }
}

/// Continuation after the end of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// Each entry is played once.
    #[default]
    Off,
    /// The entry is played again.
    One,
    /// The first entry follows the last one.
    All,
}

impl Repeat {
    /// Returns the label of the button.
    pub fn description(self) -> &'static str {
        match self {
            Self::Off => "Repeat: off",
            Self::One => "Repeat: this film",
            Self::All => "Repeat: all films",
        }
    }

    /// Returns the next choice, for a button that goes through all of them. A list of one entry has no `All`.
    fn next(self, entries: usize) -> Self {
        match self {
            Self::Off => Self::One,
            Self::One if entries > 1 => Self::All,
            Self::One | Self::All => Self::Off,
        }
    }
}

/// Maximum number of entries. Further ones are left out.
pub const MAX_ENTRIES: usize = 10_000;

impl PlayList {
    /// Replaces the list; its first entry is the current one.
    pub fn replace(&mut self, sources: impl IntoIterator<Item = Source>) {
        self.entries = sources.into_iter().take(MAX_ENTRIES).map(Entry::new).collect();
        self.current = 0;
    }

    /// Adds an entry at the end; returns false if the list is full.
    pub fn push(&mut self, source: Source) -> bool {
        let has_room = self.entries.len() < MAX_ENTRIES;
        if has_room {
            self.entries.push(Entry::new(source));
        }
        has_room
    }

    /// Replaces the current entry by others, such as a folder by its films.
    pub fn expand_current(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let end = self.entries.len().min(self.current + 1);
        self.entries.splice(self.current.min(end)..end, entries);
        self.entries.truncate(MAX_ENTRIES);
    }

    /// Returns the entries in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the index of the current entry, from 0.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Returns the choice of what follows the end of an entry.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// Goes through the choices of what follows the end of an entry.
    pub fn cycle_repeat(&mut self) {
        self.repeat = self.repeat.next(self.entries.len());
    }

    /// Makes an entry the current one, which is about to be opened; `None` if there is none with this index.
    pub fn select(&mut self, index: usize) -> Option<Source> {
        let entry = self.entries.get_mut(index)?;
        entry.has_failed = false;
        self.current = index;
        Some(entry.source.clone())
    }

    /// Marks the current entry as one that could not be opened or played.
    pub fn mark_failed(&mut self) {
        if let Some(entry) = self.entries.get_mut(self.current) {
            entry.has_failed = true;
        }
    }

    /// Makes the next entry the current one; `None` after the last one, unless all are repeated.
    pub fn select_next(&mut self) -> Option<Source> {
        let next = self.current + 1;
        match next < self.entries.len() {
            true => self.select(next),
            false if self.repeat == Repeat::All => self.select(0),
            false => None,
        }
    }

    /// Makes the entry that follows the end of the current one the current one: the same again, the next one, or none.
    pub fn after_end(&mut self) -> Option<Source> {
        match self.repeat {
            Repeat::One => self.select(self.current),
            Repeat::Off | Repeat::All => self.select_next(),
        }
    }

    /// Makes the previous entry the current one; `None` before the first one, unless all are repeated.
    pub fn select_previous(&mut self) -> Option<Source> {
        match self.current.checked_sub(1) {
            Some(previous) => self.select(previous),
            None if self.repeat == Repeat::All => self.select(self.entries.len().saturating_sub(1)),
            None => None,
        }
    }

    /// Makes the nearest entry with this source the current one again, after another one could not be opened.
    pub fn return_to(&mut self, source: &Source) {
        let indexes = (0..self.entries.len()).filter(|&index| self.entries[index].source == *source);
        self.current = indexes.min_by_key(|index| index.abs_diff(self.current)).unwrap_or(self.current);
    }

    /// Returns true if there is an entry after the current one.
    pub fn has_next(&self) -> bool {
        self.current + 1 < self.entries.len() || self.repeat == Repeat::All && self.entries.len() > 1
    }

    /// Returns true if there is an entry before the current one.
    pub fn has_previous(&self) -> bool {
        self.current > 0 || self.repeat == Repeat::All && self.entries.len() > 1
    }

    /// Removes an entry that is not the current one.
    pub fn remove(&mut self, index: usize) {
        if index < self.entries.len() && index != self.current {
            self.entries.remove(index);
            self.current -= usize::from(index < self.current);
        }
    }

    /// Moves an entry by one place towards the start or the end.
    pub fn move_entry(&mut self, index: usize, towards_end: bool) {
        let other = if towards_end { index.checked_add(1) } else { index.checked_sub(1) };
        let Some(other) = other.filter(|other| (*other).max(index) < self.entries.len()) else { return };
        self.entries.swap(index, other);
        if self.current == index {
            self.current = other;
        } else if self.current == other {
            self.current = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MediaSource;

    fn film(name: &str) -> Source {
        Source::Local(MediaSource::File(name.into()))
    }

    fn is_current(list: &PlayList, name: &str) -> bool {
        list.entries.get(list.current) == Some(&Entry::new(film(name)))
    }

    fn list(names: &[&str]) -> PlayList {
        let mut list = PlayList::default();
        list.replace(names.iter().map(|name| film(name)));
        list
    }

    #[test]
    fn entries_follow_each_other_and_end() {
        let mut list = list(&["a", "b"]);
        assert!(is_current(&list, "a") && list.has_next() && !list.has_previous());
        assert_eq!(list.select_next(), Some(film("b")));
        assert_eq!((list.select_next(), list.has_next()), (None, false));
        assert_eq!(list.select_previous(), Some(film("a")));
        assert_eq!(list.select_previous(), None);
        assert_eq!(list.current(), 0);
        let mut empty = PlayList::default();
        assert_eq!((empty.select_next(), empty.select_previous(), empty.select(0)), (None, None, None));
    }

    #[test]
    fn repeating_all_wraps_around() {
        let mut list = list(&["a", "b", "c"]);
        list.cycle_repeat();
        list.cycle_repeat();
        assert_eq!(list.repeat(), Repeat::All);
        assert_eq!(list.select_previous(), Some(film("c")));
        assert!(list.has_next());
        assert_eq!(list.select_next(), Some(film("a")));
        list.cycle_repeat();
        assert_eq!(list.repeat(), Repeat::Off);
        let mut one = self::list(&["a"]);
        one.cycle_repeat();
        assert_eq!(one.repeat(), Repeat::One);
        assert_eq!(one.after_end(), Some(film("a")));
        one.cycle_repeat();
        assert_eq!(one.after_end(), None);
        assert_eq!(one.repeat(), Repeat::Off, "one film has nothing but itself to repeat");
    }

    #[test]
    fn current_entry_stays_current_when_others_are_removed_and_moved() {
        let mut list = list(&["a", "b", "c"]);
        list.select(1);
        list.remove(0);
        assert!(is_current(&list, "b") && list.current() == 0);
        list.remove(0);
        assert_eq!(list.entries().len(), 2, "the current entry is not removed");
        list.move_entry(0, true);
        assert!(is_current(&list, "b") && list.current() == 1);
        list.move_entry(0, true);
        assert!(is_current(&list, "b") && list.current() == 0);
        list.move_entry(1, true);
        list.move_entry(0, false);
        list.move_entry(7, true);
        assert_eq!(list.entries(), [film("b"), film("c")].map(Entry::new));
    }

    #[test]
    fn folder_is_replaced_by_its_films() {
        let mut list = list(&["a", "folder", "c"]);
        list.select(1);
        list.expand_current([Entry::new(film("folder/1")), Entry::new(film("folder/2"))]);
        let expanded = [film("a"), film("folder/1"), film("folder/2"), film("c")];
        assert_eq!(list.entries(), expanded.map(Entry::new));
        assert!(is_current(&list, "folder/1"));
        let mut empty = PlayList::default();
        empty.expand_current([Entry::new(film("x"))]);
        assert!(is_current(&empty, "x"));
    }

    #[test]
    fn failed_entry_is_marked_until_it_is_opened_again() {
        let mut list = list(&["a", "b"]);
        let failed =
            |list: &PlayList| list.entries().iter().map(|entry| entry.has_failed).collect::<Vec<_>>();
        list.mark_failed();
        list.select(1);
        assert_eq!(failed(&list), [true, false]);
        list.move_entry(0, true);
        assert_eq!(failed(&list), [false, true], "the mark moves with its entry");
        list.select(1);
        assert_eq!(failed(&list), [false, false]);
        PlayList::default().mark_failed();
    }

    #[test]
    fn list_is_bounded() {
        let mut list = PlayList::default();
        list.replace((0..2 * MAX_ENTRIES).map(|number| film(&number.to_string())));
        assert_eq!(list.entries().len(), MAX_ENTRIES);
        assert!(!list.push(film("x")));
        list.expand_current((0..10).map(|number| Entry::new(film(&number.to_string()))));
        assert_eq!(list.entries().len(), MAX_ENTRIES);
    }
}
