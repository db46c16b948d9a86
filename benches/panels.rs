//! What it costs to draw each panel anew, all of it, as it stands in a window of 1280×800.
#![allow(missing_docs)] // of the function that a macro makes

#[path = "../tests/common/app_harness.rs"]
#[allow(dead_code)]
mod app_harness;

use app_harness::AppHarness;
use criterion::{Criterion, criterion_group, criterion_main};
use iced::advanced::mouse::Cursor;
use iced::advanced::renderer::{Headless, Style};
use iced::{Renderer, Size};
use iced_test::runtime::UserInterface;
use iced_test::runtime::user_interface::Cache;
use reelay::settings::{Controls, ThemePreference};
use reelay::ui::{self, BackendUpdate, Message};

/// As large as a panel is in a window of 1280×800.
const PANEL_SIZE: Size = Size::new(400.0, 630.0);

/// A window with a session of more than a minute behind it.
struct PanelBench {
    harness: AppHarness,
    renderer: Renderer,
    cache: Option<Cache>,
}

impl PanelBench {
    fn with_panel(panel: &str) -> Self {
        let mut stage = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        stage.play();
        stage.log_whole_session();
        stage.emit_figures();
        stage.click(panel);
        let settings = ui::iced_settings();
        for font in &settings.fonts {
            iced_test::renderer::graphics::text::font_system()
                .write()
                .expect("the fonts")
                .load_font(font.clone());
        }
        let renderer = Renderer::new(settings.default_font, settings.default_text_size);
        Self { harness: stage, renderer, cache: Some(Cache::new()) }
    }

    /// New figures come, four times a second.
    fn emit_figures(&mut self) {
        let figures = self.harness.next_figures();
        self.harness.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
    }

    /// Draws all of the panel, as if nothing of it had been drawn before: the window itself draws what has changed.
    fn draw(&mut self) -> usize {
        let (theme, cache) = (self.harness.app.theme(), self.cache.take().unwrap_or_default());
        let panel = self.harness.app.view_panel().expect("it is open");
        let mut ui = UserInterface::build(panel, PANEL_SIZE, cache, &mut self.renderer);
        let style = Style { text_color: theme.palette().text };
        ui.draw(&mut self.renderer, &theme, &style, Cursor::Unavailable);
        self.cache = Some(ui.into_cache());
        let Size { width, height } = PANEL_SIZE;
        let size = Size::new(width as u32, height as u32);
        self.renderer.screenshot(size, 1.0, theme.palette().background).len()
    }
}

fn bench_draw_panels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draw a panel");
    for panel in ["Network", "Statistics", "Messages"] {
        let mut window = PanelBench::with_panel(panel);
        window.draw();
        group.bench_function(panel, |bencher| {
            bencher.iter(|| {
                window.emit_figures();
                window.draw()
            });
        });
    }
}

criterion_group!(benches, bench_draw_panels);
criterion_main!(benches);
