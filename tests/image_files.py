"""Image files as tests have them, by their paths, given to what reads them by name from a checked place."""

from nextlabel.core.data import images, jpegs
from nextlabel.core.data.places import place_at


def opened(path):
    return place_at(path.parent, [path.parent]).open(path.name)


def decode(path, **options):
    with opened(path) as stream:
        return images.decode(stream, **options)


def read_jpeg(path, **options):
    with opened(path) as stream:
        return jpegs.read_jpeg(stream, **options)
