//! The two dialects, and a player of either.

use std::time::Instant;

use super::classroom::ClassroomPlayer;
use super::events::{Input, Output};
use super::options::{Dialect, PlayerOptions};
use super::rtsp::client::Player;
use super::state::Status;
use crate::proto::rtsp::RtspUrl;
use crate::stats::{Snapshot, Strip};

/// A player of either dialect. Both take and give the same.
#[derive(Debug)]
pub enum AnyPlayer {
    /// Of the standard one.
    Standard(Box<Player>),
    /// Of the classroom one.
    Classroom(Box<ClassroomPlayer>),
}

impl AnyPlayer {
    /// A player of the dialect that the options name.
    pub fn new(url: RtspUrl, options: PlayerOptions) -> Self {
        match options.machine.dialect {
            Dialect::Standard => Self::Standard(Box::new(Player::new(url, options))),
            Dialect::Classroom => Self::Classroom(Box::new(ClassroomPlayer::new(url, options))),
        }
    }

    /// Takes what has happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match self {
            Self::Standard(player) => player.handle(now, input),
            Self::Classroom(player) => player.handle(now, input),
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant) {
        match self {
            Self::Standard(player) => player.timeout(now),
            Self::Classroom(player) => player.timeout(now),
        }
    }

    /// When [`AnyPlayer::timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Standard(player) => player.deadline(),
            Self::Classroom(player) => player.deadline(),
        }
    }

    /// What is to be done; call until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        match self {
            Self::Standard(player) => player.poll(),
            Self::Classroom(player) => player.poll(),
        }
    }

    /// Where it is and where it is going.
    pub fn status(&self) -> Status {
        match self {
            Self::Standard(player) => player.status(),
            Self::Classroom(player) => player.status(),
        }
    }

    /// The figures.
    pub fn snapshot(&mut self, now: Instant) -> Snapshot {
        match self {
            Self::Standard(player) => player.snapshot(now),
            Self::Classroom(player) => player.snapshot(now),
        }
    }

    /// The last packets, each by its fate.
    pub fn strip(&self) -> Option<&Strip> {
        match self {
            Self::Standard(player) => player.strip(),
            Self::Classroom(player) => player.strip(),
        }
    }
}
