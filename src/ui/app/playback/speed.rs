//! Speed of playback, and the reasons why it cannot be changed.

use std::fmt;

use super::notice::Notice;
use super::source::Source;
use super::state::Playback;
use crate::backend::Command;
use crate::proto::rtsp::Factor;
use crate::session::{Dialect, SpeedRefusal, SpeedResponse};

/// Speeds that can be chosen, with their names.
pub const SPEEDS: [(Factor, &str); 9] = [
    (Factor::from_thousandths(250), "0.25×"),
    (Factor::from_thousandths(500), "0.5×"),
    (Factor::from_thousandths(750), "0.75×"),
    (Factor::ONE, "1×"),
    (Factor::from_thousandths(1_250), "1.25×"),
    (Factor::from_thousandths(1_500), "1.5×"),
    (Factor::from_thousandths(2_000), "2×"),
    (Factor::from_thousandths(3_000), "3×"),
    (Factor::from_thousandths(4_000), "4×"),
];

/// Reason why the speed cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeedObstacle {
    /// No film or stream is open.
    NothingOpen,
    /// A camera over HTTP sends its frames as they come.
    Http,
    /// A classroom server knows no Scale header.
    Classroom,
    /// A live stream is played as it happens.
    Live,
    /// The server plays at its own speed only.
    Server(SpeedRefusal),
}

impl fmt::Display for SpeedObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingOpen => f.write_str("nothing is open"),
            Self::Http => f.write_str("a camera over HTTP sends its frames as they come"),
            Self::Classroom => f.write_str("classroom servers play at one speed only"),
            Self::Live => f.write_str("a live stream is played as it happens"),
            Self::Server(refusal) => refusal.fmt(f),
        }
    }
}

impl Playback {
    /// Returns the reason why the speed cannot be changed; `None` if it can.
    pub fn speed_obstacle(&self) -> Option<SpeedObstacle> {
        match self.source() {
            None => Some(SpeedObstacle::NothingOpen),
            Some(Source::Local(_)) => None,
            Some(Source::Stream(url, _)) => match url.dialect() {
                Dialect::Http => Some(SpeedObstacle::Http),
                Dialect::Classroom => Some(SpeedObstacle::Classroom),
                Dialect::Standard => {
                    let is_live = self.presentation.as_ref().is_some_and(|known| known.is_live());
                    let refused = self.speed_refusal.map(SpeedObstacle::Server);
                    is_live.then_some(SpeedObstacle::Live).or(refused)
                }
            },
        }
    }

    /// Returns the speed at which the media is played, or will be.
    pub fn speed(&self) -> Factor {
        if self.speed_obstacle().is_some() { Factor::ONE } else { self.played_speed.unwrap_or(self.speed) }
    }

    /// Plays at another speed, also what is opened later. Does nothing if there is an obstacle.
    pub fn set_speed(&mut self, speed: Factor) {
        if self.speed_obstacle().is_none() && speed != self.speed {
            (self.speed, self.played_speed) = (speed, None);
            self.backend.send(Command::SetSpeed(speed));
        }
    }

    /// Plays at the next higher speed, or at the next lower one.
    pub fn change_speed(&mut self, is_faster: bool) {
        let speeds = SPEEDS.map(|(speed, _)| speed);
        let next = match is_faster {
            true => speeds.into_iter().find(|speed| *speed > self.speed),
            false => speeds.into_iter().rev().find(|speed| *speed < self.speed),
        };
        if let Some(speed) = next {
            self.set_speed(speed);
        }
    }

    /// Stores the response of the server to a speed.
    pub(super) fn handle_speed(&mut self, response: SpeedResponse) {
        self.speed_refusal = response.refusal;
        match response.refusal {
            Some(refusal) => {
                let sentence = format!("The speed stays as it is: {refusal}.");
                self.notice = self.notice.take().or(Some(Notice::Info(sentence)));
            }
            // The response to an older request does not replace a newer choice.
            None if response.requested == self.speed => self.played_speed = Some(response.played),
            None => {}
        }
    }
}
