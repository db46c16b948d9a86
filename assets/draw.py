#!/usr/bin/env python3
"""Draws the sample film and the icon of Reelay.

    pip install pillow
    python3 assets/draw.py         # both
    python3 assets/draw.py icon    # the icon alone, in all sizes

The film has 200 frames of 640x360 at 20 frames per second, in the classroom
format: the length of each JPEG as five decimal digits, then the JPEG. Each
frame shows its number and its time. The reels turn by the same angle from frame
to frame and the bar at the bottom grows by the same distance, so that a missing
or late frame is visible. The frames are baseline 4:2:0 with the standard
Huffman tables, which RFC 2435 can carry without a change.
"""

import colorsys
import io
import math
import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT, FRAMES, RATE = 640, 360, 200, 20
SCALE = 3  # supersampling factor, for smooth edges


def font(size, weight="SemiBold"):
    return ImageFont.truetype(HERE / "fonts" / f"IBMPlexSans-{weight}.ttf", size)


def color(hue, saturation=0.65, value=1.0):
    return tuple(round(255 * channel) for channel in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def background(turn):
    """Returns a gradient, darker towards the bottom; its hue turns once during the film."""
    column = Image.new("RGB", (1, HEIGHT * SCALE))
    for y in range(HEIGHT * SCALE):
        depth = y / (HEIGHT * SCALE)
        column.putpixel((0, y), color(turn + 0.58 + 0.12 * depth, 0.55 + 0.25 * depth, 0.62 - 0.42 * depth))
    return column.resize((WIDTH * SCALE, HEIGHT * SCALE))


def disc(draw, x, y, radius, fill):
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def reel(draw, x, y, radius, angle, fill, hole):
    disc(draw, x, y, radius, fill)
    for spoke in range(5):
        at = angle + spoke * math.tau / 5
        disc(draw, x + 0.58 * radius * math.cos(at), y + 0.58 * radius * math.sin(at), 0.24 * radius, hole)
    disc(draw, x, y, 0.14 * radius, hole)


def balls(draw, turn):
    """Draws seven balls that move along a wave."""
    for index in range(7):
        phase = turn + index / 7
        x = (phase % 1) * (WIDTH + 80) - 40
        y = 205 + 46 * math.sin(math.tau * (2 * phase + index / 3))
        disc(draw, x * SCALE, y * SCALE, 15 * SCALE, color(index / 7))


def frame(number):
    turn = number / FRAMES
    picture = background(turn)
    draw = ImageDraw.Draw(picture)
    dark = (22, 24, 34)
    balls(draw, turn)
    for x, direction in ((112, 1), (528, -1)):
        reel(draw, x * SCALE, 118 * SCALE, 78 * SCALE, direction * 6 * math.tau * turn, (236, 238, 244), dark)
    draw.text((320 * SCALE, 62 * SCALE), f"{number + 1}", font=font(96 * SCALE), fill="white", anchor="mt")
    caption = f"frame {number + 1} of {FRAMES}     {number / RATE:05.2f} s"
    draw.rectangle((0, 296 * SCALE, WIDTH * SCALE, HEIGHT * SCALE), fill=dark)
    draw.text((24 * SCALE, 312 * SCALE), "Reelay", font=font(24 * SCALE), fill=(255, 196, 84), anchor="lt")
    draw.text(((WIDTH - 24) * SCALE, 314 * SCALE), caption, font=font(21 * SCALE, "Regular"), fill="white", anchor="rt")
    done = WIDTH * SCALE * (number + 1) / FRAMES
    draw.rectangle((0, 352 * SCALE, done, HEIGHT * SCALE), fill=(255, 196, 84))
    return picture.resize((WIDTH, HEIGHT), Image.LANCZOS)


def film():
    with open(HERE / "sample.mjpeg", "wb") as out:
        for number in range(FRAMES):
            jpeg = io.BytesIO()
            frame(number).save(jpeg, "JPEG", quality=68, subsampling="4:2:0", optimize=False)
            out.write(b"%05d" % len(jpeg.getvalue()))
            out.write(jpeg.getvalue())


DARK, GOLD = (30, 34, 48), (255, 196, 84)
ICON_SIZES = (16, 24, 32, 48, 64, 128)


def icon():
    side = 1024
    picture = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((24, 24, side - 24, side - 24), radius=220, fill=DARK)
    middle = side / 2
    disc(draw, middle, middle, 390, GOLD)
    for x, y in holes(middle):
        disc(draw, x, y, 76, DARK)
    draw.polygon([(440, 380), (440, 644), (668, middle)], fill=DARK)
    picture.resize((256, 256), Image.LANCZOS).save(HERE / "icon.png", optimize=True)
    folder = HERE.parent / "packaging" / "icons"
    folder.mkdir(exist_ok=True)
    for size in ICON_SIZES:
        picture.resize((size, size), Image.LANCZOS).save(folder / f"{size}.png", optimize=True)
    sizes = [(size, size) for size in (16, 24, 32, 48, 64, 128, 256)]
    picture.resize((256, 256), Image.LANCZOS).save(folder / "reelay.ico", sizes=sizes)
    (folder / "reelay.svg").write_text(vector_icon(side))


def holes(middle):
    """Returns the centres of the holes of the reel."""
    angles = [hole * math.tau / 6 for hole in range(6)]
    return [(middle + 268 * math.cos(angle), middle + 268 * math.sin(angle)) for angle in angles]


def vector_icon(side):
    dark, gold = ("#%02x%02x%02x" % color for color in (DARK, GOLD))
    middle = side // 2
    circles = "".join(f'    <circle cx="{x:.1f}" cy="{y:.1f}" r="76"/>\n' for x, y in holes(middle))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">
  <rect x="24" y="24" width="{side - 48}" height="{side - 48}" rx="220" fill="{dark}"/>
  <circle cx="{middle}" cy="{middle}" r="390" fill="{gold}"/>
  <g fill="{dark}">
{circles}    <path d="M440 380v264l228-132z"/>
  </g>
</svg>
"""


if __name__ == "__main__":
    if sys.argv[1:] != ["icon"]:
        film()
    icon()
