//! Drawing of a picture by a graphics card, and by the processor.
//!
//! ```sh
//! cargo bench --bench renderers
//! ```
//!
//! Each measurement draws a picture of the size of the screen into memory, and reads the pixels back. "new" uploads
//! other pixels each time, "same" draws those that are there: the difference is the cost of the upload. Without a
//! driver for Vulkan, Metal or DirectX 12, only the software renderer is measured; lavapipe is such a driver, and
//! measures the processor.

#![allow(missing_docs)] // the function that `criterion_group!` generates

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use iced::advanced::Renderer as _;
use iced::advanced::image::{Handle, Image};
use iced::advanced::renderer::Headless;
use iced::{Color, Font, Pixels, Rectangle, Size};
use iced_test::futures::futures::executor::block_on;
use reelay::session::{Orientation, PictureView, Scaler};
use reelay::ui::{Renderer, VideoRenderer as _, WholePicture};

fn draw(renderer: &mut Renderer, handle: &Handle, (width, height): (u32, u32)) -> Vec<u8> {
    let bounds = Rectangle::with_size(Size::new(width as f32, height as f32));
    renderer.reset(bounds);
    match renderer.scaler() {
        Scaler::Renderer => {
            let placement = PictureView::default().placement((width, height), Some((width, height)));
            let (handle, orientation) = (handle.clone(), Orientation::default());
            renderer.draw_whole_picture(WholePicture { handle, placement, orientation }, bounds);
        }
        Scaler::Decoder => renderer.draw_exact_picture(Image::new(handle.clone()).snap(true), bounds, bounds),
    }
    renderer.screenshot(Size::new(width, height), 1.0, Color::BLACK)
}

fn renderers(criterion: &mut Criterion) {
    for backend in ["wgpu", "tiny-skia"] {
        let Some(mut renderer) =
            block_on(<Renderer as Headless>::new(Font::DEFAULT, Pixels(14.0), Some(backend)))
        else {
            println!("{backend}: no driver");
            continue;
        };
        for (width, height) in [(1_920, 1_080), (3_840, 2_160)] {
            let pixels = Bytes::from(vec![u8::MAX; width as usize * height as usize * 4]);
            let new_handle = || Handle::from_rgba(width, height, pixels.clone());
            let handle = new_handle();
            criterion.bench_function(&format!("{backend} {width}x{height} new"), |bencher| {
                bencher.iter(|| black_box(draw(&mut renderer, &new_handle(), (width, height))));
            });
            criterion.bench_function(&format!("{backend} {width}x{height} same"), |bencher| {
                bencher.iter(|| black_box(draw(&mut renderer, &handle, (width, height))));
            });
        }
    }
}

criterion_group!(benches, renderers);
criterion_main!(benches);
