//! The time to draw each panel completely, at its size in a window of 1280×800.
#![allow(missing_docs)] // the function that `criterion_group!` generates

#[path = "../tests/common/app_harness/mod.rs"]
#[allow(dead_code, unused_imports)]
mod app_harness;

use app_harness::AppHarness;
use criterion::{Criterion, criterion_group, criterion_main};
use iced::Size;
use iced::advanced::mouse::Cursor;
use iced::advanced::renderer::{Headless, Style};
use iced::widget::tooltip::Position;
use iced_test::futures::futures::executor::block_on;
use iced_test::runtime::UserInterface;
use iced_test::runtime::user_interface::Cache;
use reelay::settings::{Controls, PanelKind, ThemePreference};
use reelay::ui::{self, BackendUpdate, Message, Renderer};

/// Size of a panel in a window of 1280×800.
const PANEL_SIZE: Size = Size::new(400.0, 630.0);

/// A window after more than a minute of a session.
struct PanelBench {
    harness: AppHarness,
    panel: PanelKind,
    renderer: Renderer,
    cache: Option<Cache>,
}

impl PanelBench {
    fn with_panel(panel: PanelKind) -> Self {
        let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
        harness.play();
        harness.log_whole_session();
        harness.emit_figures();
        let settings = ui::iced_settings();
        for font in &settings.fonts {
            iced_test::renderer::graphics::text::font_system()
                .write()
                .expect("the font system is poisoned")
                .load_font(font.clone());
        }
        let renderer =
            <Renderer as Headless>::new(settings.default_font, settings.default_text_size, Some("tiny-skia"));
        let renderer = block_on(renderer).expect("renderer needs no display");
        Self { harness, panel, renderer, cache: Some(Cache::new()) }
    }

    /// Sends new figures, which the backend does four times a second.
    fn emit_figures(&mut self) {
        let figures = self.harness.next_figures();
        self.harness.send(Message::Backend(BackendUpdate::Figures(Box::new(figures))));
    }

    /// Draws the complete panel, as if nothing had been drawn before; the window itself draws only what has changed.
    fn draw(&mut self) -> usize {
        let (theme, cache) = (self.harness.app.theme(), self.cache.take().unwrap_or_default());
        let panel = self.harness.app.view_panel(self.panel, PANEL_SIZE.height, Position::Left);
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
    for panel in PanelKind::ALL {
        let mut window = PanelBench::with_panel(panel);
        window.draw();
        group.bench_function(panel.name(), |bencher| {
            bencher.iter(|| {
                window.emit_figures();
                window.draw()
            });
        });
    }
}

criterion_group!(benches, bench_draw_panels);
criterion_main!(benches);
