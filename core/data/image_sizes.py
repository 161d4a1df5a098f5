"""Which images have another size than their boxes were drawn on, by their headers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.images import read_shape
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import UnreadableImage

Size = tuple[int, int]  # width and height in pixels, upright


def read_sizes(
    pool: Pool, rows: Sequence[int], *, max_pixels: int, patience_s: float, look: Callable[[int], None]
) -> tuple[dict[int, Size], tuple[SkippedFile, ...]]:
    """Read the sizes of the images of those rows; those that can't be read are told apart.

    max_pixels: of one image. patience_s: as `Pool.ahead` has it. look: called before each image with how many are read;
    it may raise to stop.
    """
    sizes: dict[int, Size] = {}
    unreadable: list[SkippedFile] = []
    with closing(pool.ahead(rows, patience_s)) as files:
        for at, row in enumerate(rows):
            look(at)
            name = pool.names[row]
            try:
                with files.open(name) as stream:
                    width, height, _ = read_shape(stream, max_pixels=max_pixels)
            except (UnreadableImage, OSError) as error:
                why = getattr(error, "detail", None) or getattr(error, "strerror", None) or str(error)
                unreadable.append(SkippedFile(name, why))
                continue
            sizes[row] = (width, height)
    return sizes, tuple(unreadable)


def of_another_size(drawn: Mapping[int, BoxedImage], sizes: Mapping[int, Size]) -> list[int]:
    """List the rows of images that have another size than their boxes were drawn on, of those whose size is known."""
    return [row for row, image in drawn.items() if row in sizes and sizes[row] != (image.width, image.height)]
