// Picture of the video: a part of a texture, scaled, rotated and reflected.

struct Placement {
    // Left, top, width and height of the part, in texels.
    part: vec4<f32>,
    // Rotation and reflection: columns of the matrix that turns a position on the screen, relative to the centre of the
    // picture, to one in the texture.
    turn: vec4<f32>,
    // Distance of neighbouring pixels of the screen, in texels, along both axes of the texture; at least 1.
    support: vec2<f32>,
    unused: vec2<f32>,
}

@group(0) @binding(0) var<uniform> placement: Placement;
@group(0) @binding(1) var picture: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // Position in the picture on the screen: 0 to 1, from the left and from the top.
    @location(0) at: vec2<f32>,
}

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let at = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    return Corner(vec4<f32>(at.x * 2.0 - 1.0, 1.0 - at.y * 2.0, 0.0, 1.0), at);
}

// The weight of a texel falls linearly with its distance from the position. For a larger picture this is bilinear
// interpolation; for a smaller one, each texel counts.
@fragment
fn shade(corner: Corner) -> @location(0) vec4<f32> {
    let turned = mat2x2<f32>(placement.turn.xy, placement.turn.zw) * (corner.at - 0.5) + 0.5;
    let position = placement.part.xy + turned * placement.part.zw - 0.5;
    let support = placement.support;
    let last = vec2<i32>(textureDimensions(picture)) - 1;
    let begin = max(vec2<i32>(ceil(position - support)), vec2<i32>(0));
    let end = min(vec2<i32>(floor(position + support)), last);
    var sum = vec3<f32>(0.0);
    var total = 0.0;
    for (var y = begin.y; y <= end.y; y++) {
        let weight_y = 1.0 - abs(f32(y) - position.y) / support.y;
        for (var x = begin.x; x <= end.x; x++) {
            let weight = max(weight_y * (1.0 - abs(f32(x) - position.x) / support.x), 0.0);
            sum += weight * textureLoad(picture, vec2<i32>(x, y), 0).rgb;
            total += weight;
        }
    }
    // Exactly between two texels at the edge, all weights may be 0.
    let nearest = textureLoad(picture, clamp(vec2<i32>(round(position)), vec2<i32>(0), last), 0).rgb;
    return vec4<f32>(select(nearest, sum / total, total > 1e-4), 1.0);
}
