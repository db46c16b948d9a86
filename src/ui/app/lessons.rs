//! The lessons of the start screen, and serving of the film to other players.

use iced::{Task, clipboard};

use super::message::Message;
use super::sharing_bar::Action;
use super::start_screen::Lesson;
use super::state::App;
use crate::backend::{Command, MediaSource, Sharing};
use crate::settings::PanelKind;
use crate::ui::panel::network::{self, Field, SliderField};

impl App {
    /// Plays the sample film, and shows the panel of a lesson.
    pub(super) fn start_lesson(&mut self, lesson: Lesson) -> Task<Message> {
        self.open(MediaSource::Sample, true);
        match lesson {
            Lesson::Loss => {
                let loss = Field::Slider(SliderField::Loss);
                let percent = network::Message::Input(loss, "5".to_owned());
                let setting = [network::Message::Reset, percent, network::Message::Submit(loss)];
                let tasks: Vec<_> = setting.into_iter().map(|message| self.handle_network(message)).collect();
                Task::batch(tasks.into_iter().chain([self.show_panel(PanelKind::Network)]))
            }
            Lesson::Messages => self.show_panel(PanelKind::Messages),
            Lesson::Serve => {
                if let Some(generation) = self.playback.opening_generation() {
                    self.backend.send(Command::Share { generation });
                }
                Task::none()
            }
        }
    }

    pub(super) fn handle_sharing(&mut self, sharing: Sharing) {
        match sharing {
            Sharing::Failed(sentence) => {
                self.sharing = Sharing::Off;
                self.playback.show_error(sentence);
            }
            sharing => self.sharing = sharing,
        }
    }

    pub(super) fn handle_sharing_action(&mut self, action: Action) -> Task<Message> {
        match (action, &self.sharing) {
            (Action::Copy, Sharing::At(url)) => return clipboard::write(url.clone()),
            (Action::Copy, _) => {}
            (Action::Stop, _) => {
                self.sharing = Sharing::Off;
                self.backend.send(Command::StopSharing);
            }
        }
        Task::none()
    }
}
