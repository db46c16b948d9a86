//! The lessons of the start screen.

use iced::Task;

use super::message::Message;
use super::start_screen::Lesson;
use super::state::App;
use crate::backend::MediaSource;
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
                    self.share(generation);
                }
                Task::none()
            }
        }
    }
}
