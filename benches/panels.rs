//! What it costs to draw each panel anew, all of it, as it stands in a window of 1280×800.
#![allow(missing_docs)] // of the function that a macro makes

#[path = "../tests/common/stage.rs"]
#[allow(dead_code)]
mod stage;

use criterion::{Criterion, criterion_group, criterion_main};
use iced::advanced::mouse::Cursor;
use iced::advanced::renderer::{Headless, Style};
use iced::{Renderer, Size};
use iced_test::runtime::UserInterface;
use iced_test::runtime::user_interface::Cache;
use reelay::settings::{Controls, ThemeChoice};
use reelay::ui::{self, Message, News};
use stage::Stage;

/// As large as a panel is in a window of 1280×800.
const PANEL: Size = Size::new(400.0, 630.0);

/// A window with a session of more than a minute behind it.
struct Window {
    stage: Stage,
    renderer: Renderer,
    cache: Option<Cache>,
}

impl Window {
    fn with(panel: &str) -> Self {
        let mut stage = Stage::with_film(Controls::Three, ThemeChoice::Dark);
        stage.play();
        stage.converse();
        stage.measure();
        stage.click(panel);
        let settings = ui::settings();
        for font in &settings.fonts {
            iced_test::renderer::graphics::text::font_system()
                .write()
                .expect("the fonts")
                .load_font(font.clone());
        }
        let renderer = Renderer::new(settings.default_font, settings.default_text_size);
        Self { stage, renderer, cache: Some(Cache::new()) }
    }

    /// New figures come, four times a second.
    fn measure(&mut self) {
        let figures = self.stage.next_figures();
        self.stage.send(Message::News(News::Figures(Box::new(figures))));
    }

    /// Draws all of the panel, as if nothing of it had been drawn before: the window itself draws what has changed.
    fn draw(&mut self) -> usize {
        let (theme, cache) = (self.stage.app.theme(), self.cache.take().unwrap_or_default());
        let panel = self.stage.app.view_panel().expect("it is open");
        let mut ui = UserInterface::build(panel, PANEL, cache, &mut self.renderer);
        let style = Style { text_color: theme.palette().text };
        ui.draw(&mut self.renderer, &theme, &style, Cursor::Unavailable);
        self.cache = Some(ui.into_cache());
        let Size { width, height } = PANEL;
        let size = Size::new(width as u32, height as u32);
        self.renderer.screenshot(size, 1.0, theme.palette().background).len()
    }
}

fn drawing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draw a panel");
    for panel in ["Network", "Statistics", "Messages"] {
        let mut window = Window::with(panel);
        window.draw();
        group.bench_function(panel, |bencher| {
            bencher.iter(|| {
                window.measure();
                window.draw()
            });
        });
    }
}

criterion_group!(benches, drawing);
criterion_main!(benches);
