//! Opening of files and streams, going back to the previous file, and continuing at the same frame.

use std::time::{Duration, Instant};

use super::source::Source;
use super::state::{Opening, Playback, PreviousFile, ResumePoint};
use crate::backend::{Command, MediaSource};
use crate::session::{Goal, RtspState, SourceUrl, StreamOptions};

/// Time after which the window says that a file is being opened. Most files are open before it.
const OPENING_BANNER_DELAY: Duration = Duration::from_millis(500);

impl Playback {
    /// Opens a file. The current media continues until the file is open.
    pub fn open(&mut self, source: MediaSource, goal: Goal) {
        self.open_at(source, goal, None);
    }

    /// Opens a file, and continues it at a frame, by its index from 0. With four buttons it continues there after
    /// Setup.
    pub fn open_from(&mut self, source: MediaSource, goal: Goal, frame: u64) {
        // Set up, then seek, then play: otherwise frames from the start would be shown first.
        let first = if goal == Goal::Stopped { Goal::Stopped } else { Goal::Ready };
        self.open_at(source, first, Some(ResumePoint { frame, goal }));
    }

    fn open_at(&mut self, source: MediaSource, goal: Goal, resume: Option<ResumePoint>) {
        let generation = self.allocate_generation();
        self.notice = None;
        let local = Source::Local(source.clone());
        let started_at = Instant::now();
        let (notice, is_return) = (None, false);
        self.opening =
            Some(Opening { generation, source: local, goal, resume, notice, started_at, is_return });
        self.backend.send(Command::Open { generation, source, goal });
    }

    /// Connects to a stream. The current file is closed, and reopened if the stream cannot be set up.
    pub fn connect(&mut self, url: SourceUrl, options: StreamOptions, goal: Goal) {
        let generation = self.allocate_generation();
        let previous_file = self.take_previous_file();
        self.backend.send(Command::Connect { generation, url: url.clone(), options, goal });
        self.switch_to(generation, Source::Stream(url, options), goal);
        self.previous_file = previous_file;
    }

    /// Returns the file to reopen if a stream fails: the current one, paused at its position. If a stream is current,
    /// the file from before that.
    fn take_previous_file(&mut self) -> Option<PreviousFile> {
        let Some(Source::Local(source)) = self.source.clone() else { return self.previous_file.take() };
        let goal = if self.goal == Goal::Stopped { Goal::Stopped } else { Goal::Ready };
        let resume = self.resume_point().map(|resume| ResumePoint { goal, ..resume });
        Some(PreviousFile { source, goal, resume })
    }

    /// Reopens the file from before a failed stream. The notice of the failure stays.
    pub(super) fn restore_previous_file(&mut self) {
        let Some(PreviousFile { source, goal, resume }) = self.previous_file.take() else { return };
        let notice = self.notice.take();
        self.open_at(source, goal, resume);
        self.notice.clone_from(&notice);
        if let Some(opening) = &mut self.opening {
            (opening.notice, opening.is_return) = (notice, true);
        }
    }

    /// Returns the file that is being opened again, because a stream could not be set up; `None` otherwise.
    pub fn returning_to(&self) -> Option<&Source> {
        self.opening.as_ref().filter(|opening| opening.is_return).map(|opening| &opening.source)
    }

    /// Ends the opening of a file that turned out to be a list; returns its goal. `None` if something else is being
    /// opened.
    pub fn take_opening(&mut self, generation: u64) -> Option<Goal> {
        let opening = self.opening.take_if(|opening| opening.generation == generation)?;
        Some(opening.final_goal())
    }

    /// Returns the generation of the file that is being opened.
    pub fn opening_generation(&self) -> Option<u64> {
        self.opening.as_ref().map(|opening| opening.generation)
    }

    /// Returns the goal of the file that is being opened, if it is the one of this generation.
    pub fn opening_goal(&self, generation: u64) -> Option<Goal> {
        self.opening.as_ref().filter(|opening| opening.generation == generation).map(Opening::final_goal)
    }

    /// Returns the file that is being opened, if it is the one of this generation.
    pub fn opening_source(&self, generation: u64) -> Option<&Source> {
        self.opening
            .as_ref()
            .filter(|opening| opening.generation == generation)
            .map(|opening| &opening.source)
    }

    /// Closes the media, and what is being opened.
    pub fn close(&mut self) {
        let generation = self.allocate_generation();
        self.backend.send(Command::Close { generation });
        *self = Self { generation, ..self.renewed() };
    }

    /// Forgets a stream that could not be set up, unless a file is opened in its place. The notice with the reason
    /// stays, and so does the generation, with which the messages of the session belong to it.
    pub fn discard_failed_stream(&mut self) {
        let is_stream = matches!(self.source, Some(Source::Stream(..)));
        if is_stream && !self.was_set_up && self.opening.is_none() {
            let notice = self.notice.take();
            *self = Self { generation: self.generation, notice, ..self.renewed() };
        }
    }

    /// Returns true if a file is being opened.
    pub fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Returns the name of a file that is being opened for so long that the user should be told; `None` otherwise.
    pub fn slow_opening(&self, now: Instant) -> Option<String> {
        let is_slow =
            |opening: &&Opening| now.saturating_duration_since(opening.started_at) >= OPENING_BANNER_DELAY;
        self.opening.as_ref().filter(is_slow).map(|opening| opening.source.name())
    }

    /// Opens the current file again, for example at a new frame rate, and continues at the same frame.
    pub fn reopen(&mut self) {
        if let Some(Opening { source: Source::Local(source), goal, resume, .. }) = self.opening.clone() {
            return self.open_at(source, goal, resume);
        }
        let Some(Source::Local(source)) = self.source.clone() else { return };
        match self.resume_point() {
            // Set up, then seek, then play: otherwise frames from the start would be shown first.
            Some(resume) => self.open_at(source, Goal::Ready, Some(resume)),
            None => self.open(source, self.goal),
        }
    }

    /// Returns the frame and goal with which to continue after reopening; `None` to start from the beginning, after the
    /// end or Stop.
    fn resume_point(&self) -> Option<ResumePoint> {
        let is_unfinished = self.goal != Goal::Stopped && !self.has_ended;
        let frame = || self.frame_number_at(self.line_position.filter(|_| is_unfinished)?)?.checked_sub(1);
        self.resume.or_else(|| Some(ResumePoint { frame: frame()?, goal: self.goal }))
    }

    /// Seeks to the resume point, if there is one, once the session is ready and the frame is indexed.
    pub(super) fn resume(&mut self) {
        let (Some(ResumePoint { frame, goal }), Some(info)) = (self.resume, &self.media_info) else { return };
        let progress = info.progress;
        let is_indexed = progress.frames > frame || progress.is_finished();
        if is_indexed && self.status.state == RtspState::Ready && !self.is_busy() {
            self.resume = None;
            self.seek(info.times.npt_of(frame.min(progress.frames.saturating_sub(1))));
            if goal == Goal::Playing {
                self.set_goal(goal);
            }
        }
    }

    fn allocate_generation(&mut self) -> u64 {
        let generation = self.next_generation;
        self.next_generation += 1;
        generation
    }

    /// Replaces the current media; all state of the previous one is dropped.
    pub(super) fn switch_to(&mut self, generation: u64, source: Source, goal: Goal) {
        *self = Self {
            generation,
            source: Some(source),
            goal,
            // A session starts at Stopped, so the backend sends it any other goal as the first.
            goal_revision: u64::from(goal != Goal::Stopped),
            ..self.renewed()
        };
    }

    /// Returns a playback without media, with what does not depend on them.
    fn renewed(&self) -> Self {
        let (next_generation, speed) = (self.next_generation, self.speed);
        Self { next_generation, speed, ..Self::new(self.backend.clone()) }
    }
}
