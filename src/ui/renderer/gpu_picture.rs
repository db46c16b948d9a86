//! Drawing of a picture by the graphics card: uploaded once, scaled and rotated in a shader.

use std::borrow::Cow;

use bytes::Bytes;
use iced::Rectangle;
use iced::advanced::graphics::Viewport;
use iced::advanced::image::{Handle, Id};
use iced_wgpu::primitive;
use iced_wgpu::wgpu;

use super::whole_picture::WholePicture;
use crate::session::{Orientation, Placement};

/// Picture that is drawn by the graphics card.
#[derive(Debug)]
pub struct GpuPicture {
    /// Identity of the pixels: those of the same identity are uploaded once.
    id: Id,
    /// RGBA pixels, row by row.
    pixels: Bytes,
    /// Width and height in pixels.
    size: (u32, u32),
    /// Part that is shown, and its size on the screen before the rotation.
    placement: Placement,
    /// Rotation and reflection.
    orientation: Orientation,
}

/// Largest number of texels on each side of a position that count for a pixel of a picture that is made smaller. More
/// would take long, and pictures of more than sixteen times the size of the window are rare.
const MAX_SUPPORT: f32 = 16.0;

/// Number of bytes of `Placement` in `picture.wgsl`.
const UNIFORM_LENGTH: u64 = 48;

impl GpuPicture {
    /// Returns the picture; `None` if its pixels are not in memory.
    pub fn new(WholePicture { handle, placement, orientation }: WholePicture) -> Option<Self> {
        let id = handle.id();
        match handle {
            Handle::Rgba { width, height, pixels, .. }
                if pixels.len() as u64 == u64::from(width) * u64::from(height) * 4 =>
            {
                Some(Self { id, pixels, size: (width, height), placement, orientation })
            }
            _ => None,
        }
    }

    /// Returns the uniform of the shader for a texture that has one of `step` pixels in each direction.
    fn uniform(&self, step: u32) -> [f32; 12] {
        let (left, top, width, height) = self.placement.part;
        let [left, top, width, height] = [left, top, width, height].map(|side| side as f32 / step as f32);
        let (shown_width, shown_height) = self.placement.size;
        let support = |part: f32, shown: u32| (part / shown.max(1) as f32).clamp(1.0, MAX_SUPPORT);
        let [x, y] = self.orientation.source_axes();
        [
            left,
            top,
            width,
            height,
            x[0],
            x[1],
            y[0],
            y[1],
            support(width, shown_width),
            support(height, shown_height),
            0.0,
            0.0,
        ]
    }
}

impl primitive::Primitive for GpuPicture {
    type Pipeline = PicturePipeline;

    fn prepare(
        &self,
        pipeline: &mut PicturePipeline,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &Rectangle,
        _: &Viewport,
    ) {
        let step = pipeline.upload(device, queue, self);
        let uniform = self.uniform(step);
        queue.write_buffer(&pipeline.uniform, 0, bytemuck::cast_slice(&uniform));
    }

    fn draw(&self, pipeline: &PicturePipeline, render_pass: &mut wgpu::RenderPass<'_>) -> bool {
        if let Some(uploaded) = &pipeline.uploaded {
            render_pass.set_pipeline(&pipeline.pipeline);
            render_pass.set_bind_group(0, &uploaded.bind_group, &[]);
            render_pass.draw(0..4, 0..1);
        }
        true
    }
}

/// Shader and texture of the picture. There is one video in a window.
pub struct PicturePipeline {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniform: wgpu::Buffer,
    texture_format: wgpu::TextureFormat,
    uploaded: Option<Uploaded>,
}

struct Uploaded {
    id: Id,
    texture: wgpu::Texture,
    bind_group: wgpu::BindGroup,
    /// Number of pixels in each direction of which the texture has one.
    step: u32,
}

impl primitive::Pipeline for PicturePipeline {
    fn new(device: &wgpu::Device, _: &wgpu::Queue, format: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("picture"),
            source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(include_str!("picture.wgsl"))),
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("picture"),
            entries: &[uniform_entry(), texture_entry()],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("picture"),
            bind_group_layouts: &[&layout],
            push_constant_ranges: &[],
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("picture"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("corner"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("shade"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(format.into())],
            }),
            multiview: None,
            cache: None,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: UNIFORM_LENGTH,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        // The values of the film go to the screen as they are.
        let texture_format = match format.is_srgb() {
            true => wgpu::TextureFormat::Rgba8UnormSrgb,
            false => wgpu::TextureFormat::Rgba8Unorm,
        };
        Self { pipeline, layout, uniform, texture_format, uploaded: None }
    }
}

impl PicturePipeline {
    /// Uploads the pixels of a picture, unless they are there. Returns the number of pixels in each direction of which
    /// the texture has one: more than one if the picture is larger than a texture may be.
    fn upload(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, picture: &GpuPicture) -> u32 {
        if let Some(uploaded) = self.uploaded.as_ref().filter(|uploaded| uploaded.id == picture.id) {
            return uploaded.step;
        }
        let (width, height) = picture.size;
        let step = width.max(height).div_ceil(device.limits().max_texture_dimension_2d).max(1);
        let size = wgpu::Extent3d {
            width: width.div_ceil(step).max(1),
            height: height.div_ceil(step).max(1),
            depth_or_array_layers: 1,
        };
        let former = self.uploaded.take().filter(|former| former.texture.size() == size);
        let (texture, bind_group) = match former {
            Some(former) => (former.texture, former.bind_group),
            None => self.create_texture(device, size),
        };
        let pixels = match step {
            1 => Cow::Borrowed(&picture.pixels[..]),
            step => Cow::Owned(every_nth(&picture.pixels, width, step)),
        };
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * size.width),
            rows_per_image: None,
        };
        queue.write_texture(texture.as_image_copy(), &pixels, layout, size);
        self.uploaded = Some(Uploaded { id: picture.id, texture, bind_group, step });
        step
    }

    fn create_texture(
        &self,
        device: &wgpu::Device,
        size: wgpu::Extent3d,
    ) -> (wgpu::Texture, wgpu::BindGroup) {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.texture_format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.uniform.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&view) },
            ],
        });
        (texture, bind_group)
    }
}

fn uniform_entry() -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: std::num::NonZeroU64::new(UNIFORM_LENGTH),
        },
        count: None,
    }
}

fn texture_entry() -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 1,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    }
}

/// Returns one of `step` pixels in each direction of RGBA pixels, beginning with the first.
fn every_nth(pixels: &[u8], width: u32, step: u32) -> Vec<u8> {
    let rows = pixels.as_chunks::<4>().0.chunks_exact((width as usize).max(1));
    let kept = rows.step_by(step as usize).flat_map(|row| row.iter().step_by(step as usize));
    kept.flatten().copied().collect()
}
