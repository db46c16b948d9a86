//! The logo, as an image of the start screen and as the icon of the window.

use iced::widget::image;

/// Returns the logo as an image.
pub fn logo() -> image::Handle {
    let (width, height, pixels) = logo_pixels();
    image::Handle::from_rgba(width, height, pixels)
}

/// Returns width, height and RGBA pixels of the logo; a single transparent pixel if the file cannot be decoded.
pub fn logo_pixels() -> (u32, u32, Vec<u8>) {
    let png = include_bytes!("../../../assets/icon.png");
    match ::image::load_from_memory_with_format(png, ::image::ImageFormat::Png) {
        Ok(icon) => (icon.width(), icon.height(), icon.into_rgba8().into_raw()),
        Err(error) => {
            tracing::warn!(%error, "cannot decode icon");
            (1, 1, vec![0; 4])
        }
    }
}
