//! Opening of films and streams: one, several, the next one, the previous one, and closing.

use iced::Task;

use super::before_stream::BeforeStream;
use super::frame_rate;
use super::message::Message;
use super::play_list::{Entry, MAX_ENTRIES};
use super::playback::Source;
use super::state::App;
use super::time_line::Hover;
use crate::backend::{FoundList, ListEntry, MediaSource};
use crate::session::{Dialect, Goal, SourceUrl, StreamOptions};
use crate::settings::Controls;

impl App {
    /// Opens a file or the sample, and plays it if `play` is true.
    pub fn open(&mut self, source: MediaSource, play: bool) {
        self.open_all([Source::Local(source)], play);
    }

    /// Opens the first of these, and plays it if `play` is true. The others follow when it has ended. Does nothing if
    /// there are none.
    pub fn open_all(&mut self, sources: impl IntoIterator<Item = Source>, play: bool) {
        let sources: Vec<Source> = sources.into_iter().take(MAX_ENTRIES).collect();
        if let Some(first) = sources.first().cloned() {
            self.recents.choose(&sources);
            // Of several that fail one after the other, the list before the first returns.
            self.replaced_list.get_or_insert_with(|| self.play_list.clone());
            self.play_list.replace(sources);
            self.start(first, play);
        }
    }

    /// Brings back the play list from before a stream that could not be set up, when its film is opened again. The
    /// figures follow when it is open.
    pub(super) fn restore_before_stream(&mut self) {
        let (Some(film), Some(before)) = (self.playback.returning_to(), &mut self.before_stream) else {
            return;
        };
        if let Some(play_list) = before.play_list.take() {
            self.play_list = play_list;
        }
        self.play_list.return_to(film);
        let is_shared = std::mem::take(&mut before.is_shared);
        self.share_opening(is_shared);
    }

    /// Adds a film to the end of the list.
    pub(super) fn append(&mut self, source: MediaSource) {
        let source = Source::Local(source);
        self.recents.choose_another(&source);
        // The list that returns if what is being opened fails.
        let before_stream = self.before_stream.as_mut().and_then(|before| before.play_list.as_mut());
        if let Some(list) = self.replaced_list.as_mut().or(before_stream) {
            list.push(source.clone());
        }
        if !self.play_list.push(source) {
            self.playback.show_error("The list is full; remove films from it.");
        }
    }

    /// Opens the entry of the list that follows the current one, and plays it if the current one is played.
    pub(super) fn open_next(&mut self) {
        let next = self.play_list.select_next();
        self.start_selected(next);
    }

    /// Opens the entry of the list before the current one, and plays it if the current one is played.
    pub(super) fn open_previous(&mut self) {
        let previous = self.play_list.select_previous();
        self.start_selected(previous);
    }

    /// Opens an entry of the list, and plays it if the current one is played.
    pub(super) fn open_entry(&mut self, index: usize) {
        let entry = self.play_list.select(index);
        self.start_selected(entry);
    }

    fn start_selected(&mut self, entry: Option<Source>) {
        if let Some(entry) = entry {
            self.start_entry(entry, self.playback.goal() == Goal::Playing);
        }
    }

    /// Opens an entry of the list in place of another one. A film is served to other players if that one was.
    fn start_entry(&mut self, entry: Source, play: bool) {
        if self.is_recent(&entry) {
            self.recents.choose_another(&entry);
        }
        let is_shared = self.is_newest_shared();
        self.start(entry, play);
        self.share_opening(is_shared);
    }

    /// Plays what follows the end of the media: the same again, or the next entry. With four buttons nothing follows,
    /// because no request is sent without a click.
    pub(super) fn handle_end(&mut self) {
        if self.playback.controls(self.settings.controls) == Controls::Four {
            return;
        }
        match self.play_list.after_end() {
            Some(entry) if self.playback.source() == Some(&entry) => self.playback.play_again(),
            Some(entry) => self.start_entry(entry, true),
            None => {}
        }
    }

    /// Opens the films of a folder or of a list file in its place.
    pub(super) fn handle_list_found(&mut self, generation: u64, list: FoundList) {
        let Some(goal) = self.playback.take_opening(generation) else { return };
        let entry = |entry| match entry {
            ListEntry::Film(film) => Entry::new(Source::Local(film)),
            ListEntry::MissingFilm(film) => Entry::missing(Source::Local(film)),
            ListEntry::Stream(url) => {
                let options = StreamOptions::for_source(&url);
                Entry::new(Source::Stream(url, options))
            }
        };
        self.play_list.expand_current(list.entries.into_iter().map(entry));
        let is_shared = self.sharing.generation == Some(generation);
        if let Some(first) = self.play_list.select(self.play_list.current()) {
            self.start(first, goal == Goal::Playing);
        }
        self.share_opening(is_shared);
        if let Some(sentence) = left_out(&list.skipped) {
            self.playback.show_error_while_opening(sentence);
        }
    }

    /// Shows the start screen instead of a stream that could not be set up. With four buttons the stream stays, so that
    /// Setup can be pressed again when its server is there.
    pub(super) fn leave_failed_stream(&mut self) {
        if self.playback.controls(self.settings.controls) == Controls::Three {
            self.playback.discard_failed_stream();
        }
    }

    /// Opens the next entry of the list in place of one that cannot be opened, whose error stays. `is_shared` is true
    /// if that one was to be served.
    pub(super) fn skip_failed(&mut self, goal: Goal, error: String, is_shared: bool) {
        let next = self.play_list.current() + 1;
        if let Some(entry) = self.play_list.select(next) {
            self.start(entry, goal == Goal::Playing);
            self.share_opening(is_shared);
            self.playback.show_error_while_opening(error);
        }
    }

    fn start(&mut self, source: Source, play: bool) {
        match source {
            Source::Local(source) => {
                self.frame_rate_field = frame_rate::Field::default();
                let goal = self.initial_goal(play);
                match self.frame_to_resume(&Source::Local(source.clone())) {
                    Some(frame) => self.playback.open_from(source, goal, frame),
                    None => self.playback.open(source, goal),
                }
            }
            Source::Stream(url, options) => self.start_stream(url, options, play),
        }
    }

    /// Connects to a stream, and plays it if `play` is true.
    pub fn connect(&mut self, url: SourceUrl, options: StreamOptions, play: bool) {
        self.open_all([Source::Stream(url, options)], play);
    }

    /// Connects to a stream, and plays it if `play` is true. The list stays as it is.
    pub(super) fn start_stream(&mut self, url: SourceUrl, options: StreamOptions, play: bool) {
        let port_spelling = self.settings.port_spelling(&url.host_and_port());
        let retransmission = options.retransmission || self.settings.retransmission;
        let fec = options.fec.or(self.settings.error_correction);
        let options = StreamOptions { port_spelling, retransmission, fec, ..options };
        let goal = match (url.dialect(), play) {
            // There are always three buttons; with four, nothing is played without a click.
            (Dialect::Http, false) if self.settings.controls == Controls::Four => Goal::Ready,
            _ => self.initial_goal(play),
        };
        self.remember_frame_soon();
        self.picture = None;
        let replaced_list = self.replaced_list.take();
        match (self.playback.source(), &mut self.before_stream) {
            (Some(Source::Local(_)), _) => {
                let is_shared = self.is_newest_shared();
                let record = Some(Box::new(self.session_record.take()));
                self.before_stream = Some(BeforeStream { play_list: replaced_list, record, is_shared });
            }
            // Another attempt before the film is open again.
            (_, Some(before)) if before.play_list.is_none() => before.play_list = replaced_list,
            _ => {}
        }
        self.session_record.reset();
        self.remember_connection(&url);
        self.playback.connect(url, options, goal);
        self.forget_previous_media();
    }

    /// Returns the goal of new media: with three buttons it is set up, and played if that is preferred; with four no
    /// request is sent without a click.
    fn initial_goal(&self, play: bool) -> Goal {
        match (play, self.settings.controls) {
            (true, _) => Goal::Playing,
            (false, Controls::Three) if self.settings.play_when_opened => Goal::Playing,
            (false, Controls::Three) => Goal::Ready,
            (false, Controls::Four) => Goal::Stopped,
        }
    }

    /// Closes the media, whose session is torn down, and shows the start screen.
    pub(super) fn close_media(&mut self) -> Task<Message> {
        let saving = self.remember_frame();
        self.playback.close();
        self.session_record.close();
        self.play_list.replace([]);
        self.replaced_list = None;
        self.picture = None;
        self.forget_previous_media();
        saving
    }

    /// Forgets what belonged to the media before, once others are open or none.
    pub(super) fn forget_previous_media(&mut self) {
        self.time_line_input.drag = None;
        self.end_sharing();
        self.time_line_input.hover = Hover::default();
        self.restore_orientation();
    }
}

/// Returns the sentence about what is not in the list of a folder: the reason of the first, and the number of the
/// others. `None` if nothing is left out.
fn left_out(skipped: &[String]) -> Option<String> {
    let (first, others) = skipped.split_first()?;
    // The advice at the end is for a file that was chosen alone.
    let reason = first.rsplit_once("; ").map_or(first.trim_end_matches('.'), |(reason, _)| reason);
    let others = match others.len() {
        0 => String::new(),
        1 => " Another one is missing too.".to_owned(),
        others => format!(" {others} others are missing too."),
    };
    Some(format!("Not all of the folder is in the play list: {reason}.{others}"))
}
