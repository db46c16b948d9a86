//! Types of iced for the renderer of this program, which are used instead of those for iced's own renderer everywhere.

use iced::Theme;
use iced::widget::{self, canvas};

#[cfg(feature = "gpu")]
use super::gpu::GpuRenderer;
use super::software::SoftwareRenderer;

/// Renderer of all widgets.
#[cfg(feature = "gpu")]
pub type Renderer = iced_renderer::fallback::Renderer<GpuRenderer, SoftwareRenderer>;
/// Renderer of all widgets.
#[cfg(not(feature = "gpu"))]
pub type Renderer = SoftwareRenderer;

/// Widget of iced, drawn by [`Renderer`].
pub type Element<'a, Message> = iced::Element<'a, Message, Theme, Renderer>;
/// Row of iced, drawn by [`Renderer`].
pub type Row<'a, Message> = widget::Row<'a, Message, Theme, Renderer>;
/// Column of iced, drawn by [`Renderer`].
pub type Column<'a, Message> = widget::Column<'a, Message, Theme, Renderer>;
/// Text of iced, drawn by [`Renderer`].
pub type Text<'a> = widget::Text<'a, Theme, Renderer>;
/// Button of iced, drawn by [`Renderer`].
pub type Button<'a, Message> = widget::Button<'a, Message, Theme, Renderer>;
/// Text field of iced, drawn by [`Renderer`].
pub type TextInput<'a, Message> = widget::TextInput<'a, Message, Theme, Renderer>;
/// Switch of iced, drawn by [`Renderer`].
pub type Toggler<'a, Message> = widget::Toggler<'a, Message, Theme, Renderer>;
/// Drawing of a canvas of iced, for [`Renderer`].
pub type Frame = canvas::Frame<Renderer>;
/// Kept drawing of a canvas of iced, for [`Renderer`].
pub type Cache = canvas::Cache<Renderer>;
/// Finished drawing of a canvas of iced, for [`Renderer`].
pub type Geometry = canvas::Geometry<Renderer>;
