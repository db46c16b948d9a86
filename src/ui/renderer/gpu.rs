//! Renderer with a graphics card: iced's, based on wgpu, which draws the picture of the video by a shader of its own.

use std::time::Duration;
use std::{process, thread};

use iced::advanced::graphics::compositor::{self, Display, Information, SurfaceError, Window};
use iced::advanced::graphics::error::Reason;
use iced::advanced::graphics::{self, Compositor, Shell, Viewport};
use iced::advanced::image::{self, Handle, Image};
use iced::advanced::renderer::{Headless, Quad};
use iced::advanced::{Text, text};
use iced::{Background, Color, Font, Pixels, Point, Rectangle, Size, Transformation};
use iced_wgpu::primitive::Renderer as _;
use iced_wgpu::wgpu;

use super::choice::Choice;
use super::delegate::delegate_renderer;
use super::gpu_picture::GpuPicture;
use super::{choice, known_card};

/// Time after which a search for graphics cards is ended.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(20);

/// Exit status of a search that was ended.
const SEARCH_ABORTED: i32 = 3;

/// Renderer of iced that uses a graphics card.
pub struct GpuRenderer {
    inner: iced_wgpu::Renderer,
}

impl GpuRenderer {
    pub(super) fn draw_picture(&mut self, picture: GpuPicture, bounds: Rectangle) {
        self.inner.draw_primitive(bounds, picture);
    }
}

delegate_renderer!(GpuRenderer, iced_wgpu::Renderer);

impl compositor::Default for GpuRenderer {
    type Compositor = GpuCompositor;
}

impl Headless for GpuRenderer {
    async fn new(default_font: Font, default_text_size: Pixels, backend: Option<&str>) -> Option<Self> {
        let inner = <iced_wgpu::Renderer as Headless>::new(default_font, default_text_size, backend).await?;
        Some(Self { inner })
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn screenshot(&mut self, size: Size<u32>, scale_factor: f32, background_color: Color) -> Vec<u8> {
        Headless::screenshot(&mut self.inner, size, scale_factor, background_color)
    }
}

/// Compositor of [`GpuRenderer`]. It can be created only if the graphics card was chosen when the program was started.
pub struct GpuCompositor {
    inner: iced_wgpu::window::Compositor,
}

impl Compositor for GpuCompositor {
    type Renderer = GpuRenderer;
    type Surface = <iced_wgpu::window::Compositor as Compositor>::Surface;

    async fn with_backend(
        settings: graphics::Settings,
        display: impl Display + Clone,
        window: impl Window + Clone,
        shell: Shell,
        backend: Option<&str>,
    ) -> Result<Self, graphics::Error> {
        let refused = |reason: String| {
            let reason = Reason::RequestFailed(reason);
            graphics::Error::GraphicsAdapterNotFound { backend: "wgpu", reason }
        };
        let Some(Choice::Gpu(wanted)) = choice::get() else {
            return Err(refused("the software renderer was chosen".to_owned()));
        };
        known_card::begin_start_with_card();
        let inner = iced_wgpu::window::Compositor::with_backend(settings, display, window, shell, backend);
        let inner =
            inner.await.inspect_err(|error| tracing::warn!(%error, "no graphics card can be used"))?;
        let Information { adapter, backend } = inner.information();
        // The system may offer another one for this display, such as a renderer on the processor.
        if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != adapter) {
            tracing::warn!(wanted, adapter, "the graphics card cannot draw on this display");
            return Err(refused(format!("{wanted} cannot draw on this display")));
        }
        tracing::debug!(adapter, "a graphics card draws the window");
        choice::set_card(format!("{adapter} ({backend})"));
        Ok(Self { inner })
    }

    fn create_renderer(&self) -> GpuRenderer {
        GpuRenderer { inner: self.inner.create_renderer() }
    }

    fn create_surface<W: Window + Clone>(&mut self, window: W, width: u32, height: u32) -> Self::Surface {
        self.inner.create_surface(window, width, height)
    }

    fn configure_surface(&mut self, surface: &mut Self::Surface, width: u32, height: u32) {
        self.inner.configure_surface(surface, width, height);
    }

    fn information(&self) -> Information {
        self.inner.information()
    }

    fn present(
        &mut self,
        renderer: &mut GpuRenderer,
        surface: &mut Self::Surface,
        viewport: &Viewport,
        background: Color,
        on_pre_present: impl FnOnce(),
    ) -> Result<(), SurfaceError> {
        self.inner.present(&mut renderer.inner, surface, viewport, background, on_pre_present)?;
        known_card::handle_frame_of_card();
        Ok(())
    }

    fn screenshot(&mut self, renderer: &mut GpuRenderer, viewport: &Viewport, background: Color) -> Vec<u8> {
        self.inner.screenshot(&mut renderer.inner, viewport, background)
    }
}

/// Returns the name of the best graphics card that wgpu finds; renderers on the processor are none. Ends the process if
/// that takes too long: a driver that hangs cannot be stopped otherwise.
pub(super) fn find_card() -> Option<String> {
    let watchdog = || {
        thread::sleep(SEARCH_TIMEOUT);
        process::exit(SEARCH_ABORTED);
    };
    if let Err(error) = thread::Builder::new().spawn(watchdog) {
        tracing::debug!(%error, "the search for graphics cards has no time limit");
    }
    let instance = wgpu::Instance::new(&wgpu::InstanceDescriptor {
        backends: wgpu::Backends::PRIMARY,
        ..wgpu::InstanceDescriptor::default()
    });
    let rank = |info: &wgpu::AdapterInfo| match info.device_type {
        wgpu::DeviceType::DiscreteGpu => Some(2),
        wgpu::DeviceType::IntegratedGpu => Some(1),
        wgpu::DeviceType::VirtualGpu => Some(0),
        wgpu::DeviceType::Cpu | wgpu::DeviceType::Other => None,
    };
    let adapters =
        instance.enumerate_adapters(wgpu::Backends::PRIMARY).into_iter().map(|adapter| adapter.get_info());
    let cards = adapters.filter_map(|info| rank(&info).map(|rank| (rank, info.name)));
    cards.max_by_key(|(rank, _)| *rank).map(|(_, name)| name)
}
