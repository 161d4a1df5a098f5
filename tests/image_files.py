"""Image files as tests have them, by their paths, given to what reads them by name from a checked place."""

import struct

from nextlabel.core.data import images, jpegs
from nextlabel.core.data.places import place_at


def opened(path):
    return place_at(path.parent, [path.parent]).open(path.name)


def decode(path, **options):
    return decoded(path, **options).image


def decoded(path, **options):
    with opened(path) as stream:
        return images.decode(stream, **options)


def read_jpeg(path, **options):
    with opened(path) as stream:
        return jpegs.read_jpeg(stream, **options)


def remarks(path, **options):
    return decoded(path, **options).remarks


TYPES = {2: "s", 3: "H", 4: "I"}  # of TIFF's tags: ASCII, SHORT, LONG


def tiff(values, *, order="<", photometric=1, planes=False, **more):
    """A TIFF as it is rarely written: the array (H, W) or (H, W, channels) in one strip, or one for each channel.

    more: tags by number, as `t281=4095`.
    """
    values = values.astype(values.dtype.newbyteorder(order))
    height, width, *channels = values.shape
    channels = channels[0] if channels else 1
    strips = [values[..., i].tobytes() for i in range(channels)] if planes else [values.tobytes()]
    sample_format = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: width, 257: height, 258: (8 * values.dtype.itemsize,) * channels, 259: 1, 262: photometric}
    tags |= {277: channels, 278: height, 284: 2 if planes else 1, 339: (sample_format,) * channels}
    tags |= {279: tuple(map(len, strips))} | {int(name[1:]): value for name, value in more.items()}
    entries, beside, at = [], b"", 8 + 2 + 12 * (len(tags) + 1) + 4
    offsets, after = [], at + 1000  # what stands beside the entries is shorter
    for strip in strips:
        offsets.append(after)
        after += len(strip)
    for tag, value in sorted((tags | {273: tuple(offsets)}).items()):
        kind = 2 if isinstance(value, bytes) else 4 if tag in (273, 279) else 3
        numbers = (value,) if isinstance(value, int | bytes) else value
        count = len(value) if kind == 2 else len(numbers)
        data = struct.pack(order + (f"{count}s" if kind == 2 else TYPES[kind] * count), *numbers)
        if len(data) > 4:
            beside, data = beside + data, struct.pack(order + "I", at + len(beside))
        entries.append(struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0"))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(entries) + bytes(4) + beside.ljust(1000, b"\0") + b"".join(strips)
