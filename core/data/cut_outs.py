"""Boxes cut out of a picture, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

SIDE, AROUND, LEAST_AROUND = 160, 0.5, 12  # pixels; of the box's longer side; pixels of the picture
COLOURS = ("#ff3b30", "#00b7ff")
Box = tuple[float, float, float, float]


def cut_out(picture: bytes, size: tuple[int, int], boxes: Sequence[Box | None]) -> bytes | None:
    """Cut boxes, with what is around them, out of a JPEG of an image, and draw each one's edge in the colour of its
    place. Return None where they lie beyond the image, as where another file has taken its name.

    size: width and height of the image that the boxes, x, y, width, height, are on; the picture may be smaller.
    boxes: one at least; None leaves its colour out.
    Raises OSError where the picture is none.
    """
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    scale = image.width / size[0]
    edges = {
        colour: (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
        for colour, box in zip(COLOURS, boxes, strict=False)
        if box is not None
        for x, y, width, height in [box]
    }
    left, top = (min(one[i] for one in edges.values()) for i in (0, 1))
    right, bottom = (max(one[i] for one in edges.values()) for i in (2, 3))
    around = max(LEAST_AROUND, AROUND * max(right - left, bottom - top))
    seen = (
        max(0, round(left - around)),
        max(0, round(top - around)),
        min(image.width, round(right + around)),
        min(image.height, round(bottom + around)),
    )
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        return None
    cut = image.crop(seen)
    closer = SIDE / max(cut.size)
    cut = cut.resize((max(1, round(cut.width * closer)), max(1, round(cut.height * closer))), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(cut)
    for colour, edge in edges.items():
        corners = [((edge[i] - seen[i % 2]) * closer) for i in range(4)]
        draw.rectangle(corners, outline=colour, width=2)
    encoded = io.BytesIO()
    cut.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()
