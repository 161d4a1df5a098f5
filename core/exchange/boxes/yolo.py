"""YOLO's folders: `data.yaml` names the classes, and a text file for each image holds its boxes in shares of the image.

A line is `class x y width height`: the number of the class, the box's centre and its size. An empty file says that
nothing is there; without a file, nobody has looked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from nextlabel.core.counting import counted
from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.boxes.found import BoxReading, FoundImage
from nextlabel.core.exchange.boxes.shapes import Hulls, Place
from nextlabel.core.exchange.files import read_text
from nextlabel.core.exchange.names import check_below

NAMES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
NO_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt", "notes.txt", "readme.txt", "requirements.txt"}
MOST_YAML = 1 << 20
A_LITTLE = 1.001  # what rounding may leave of a share of 1


# --- write ------------------------------------------------------------------------------------------------------


def documents(images: Mapping[str, BoxedImage], classes: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield (path below the folder, text): `data.yaml`, and a file in `labels/` for each image; crowds are left out.

    Raises Inexpressible: two images would have one file, or a name leads out of the folder.
    """
    names = sorted_classes([*classes, *(box.class_name for image in images.values() for box in image.boxes)])
    index = {name: at for at, name in enumerate(names)}
    head = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(names))}
    yield "data.yaml", yaml.safe_dump(head, allow_unicode=True, sort_keys=False)
    seen: dict[str, str] = {}
    for name, image in images.items():
        check_below(name)
        path = f"labels/{PurePosixPath(name).with_suffix('.txt')}"
        if seen.setdefault(path, name) != name:
            raise Inexpressible(f"{shown(seen[path])} and {shown(name)} would share {path}; rename one of them")
        yield path, "".join(_line(index[box.class_name], box[1:5], image) for box in image.boxes if not box.crowd)


def _line(class_: int, place: Place, image: BoxedImage) -> str:
    x, y, w, h = place
    shares = ((x + w / 2) / image.width, (y + h / 2) / image.height, w / image.width, h / image.height)
    return f"{class_} {' '.join(repr(share) for share in shares)}\n"


# --- read -------------------------------------------------------------------------------------------------------


def files_in(folder: Path) -> list[Path]:
    """List the files that `read` may take boxes from; in `labels/` those, too, that have the name of a list."""
    inside = [(file, file.relative_to(folder).parts) for file in sorted(folder.rglob("*.txt"))]
    return [
        file
        for file, parts in inside
        if not any(part.startswith(".") for part in parts)
        and (file.name.lower() not in NO_LABELS or "labels" in parts[:-1])
    ]


def read(path: Path, pool: Iterable[str], *, hull: bool = False) -> BoxReading:
    """Read a folder, or its `data.yaml`. pool: the names of the images, for the files have only their stems.

    hull: of a polygon, or a turned box, take the upright box around it; else it is a fault.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    folder = path if path.is_dir() else path.parent
    reading = BoxReading.of(path, "YOLO")
    classes = _classes(folder if path.is_dir() else path)
    if twice := sorted({name for name in classes.values() if list(classes.values()).count(name) > 1}):
        reading.notes.append(f"several classes are called {', '.join(map(shown, twice))}: taken for one class each")
    by_stem: dict[str, list[str]] = {}
    for name in pool:
        by_stem.setdefault(str(PurePosixPath(name).with_suffix("")), []).append(name)
    last = {PurePosixPath(stem).name for stem in by_stem}
    files = [file for file in files_in(folder) if file.name.lower() not in NO_LABELS or file.stem in last]
    if not files:
        raise ExchangeMalformed(f"{shown(folder)} holds no .txt file of boxes.")
    hulls = Hulls(reading, allowed=hull)
    stems = _stems(files, folder, by_stem)
    for file, stem in zip(files, stems, strict=True):
        image = _image(file, file.relative_to(folder).as_posix(), stem, by_stem, classes, hulls)
        if image is not None:
            reading.images.append(image)
    return reading


def _stems(files: Sequence[Path], folder: Path, by_stem: Mapping[str, Any]) -> list[str]:
    """Find what each file's image is called, without its ending: `labels/train/a.txt` is of `train/a` or of `a`.

    As many leading folders are taken off as most files need; of each the same number.
    """
    parts = [file.relative_to(folder).with_suffix("").parts for file in files]
    parts = [tuple(p for p in one[:-1] if p != "labels") + one[-1:] for one in parts]
    deepest = max(map(len, parts))
    ways = [["/".join(one[min(n, len(one) - 1) :]) for one in parts] for n in range(deepest)]
    with_images = [["/".join(("images", *one)) for one in parts]]
    return max([*ways, *with_images], key=lambda way: sum(stem in by_stem for stem in way))


def _image(
    file: Path, place: str, stem: str, by_stem: Mapping[str, Sequence[str]], classes: Mapping[int, str], hulls: Hulls
) -> FoundImage | None:
    reading = hulls.reading
    names = by_stem.get(stem, [])
    if len(names) != 1:
        there = f"images {', '.join(names)}: which one is it of?" if names else f"no image called {shown(stem)}"
        reading.faults.note(place, f"the pool has {there}")
        return None
    places, found, by_model = [], [], []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        at = f"{place}:{number}"
        said = _numbers(line, at, hulls)
        if said is None:
            continue
        class_, numbers, scored = said
        if class_ not in classes:
            known = counted(len(classes), "class", "classes")
            there = f"{known}, {min(classes)} to {max(classes)}" if classes else "no class"
            reading.faults.note(at, f"the class is no. {class_}, and there are {there}")
            continue
        places.append(numbers)
        found.append(classes[class_])
        by_model.append(scored)
    return FoundImage(
        place=place,
        name=names[0],
        size=None,
        places=np.array(places, np.float64).reshape(-1, 4),
        classes=found,
        by_model=np.array(by_model, bool),
        shares=True,
        looked_at=True,
    )


def _numbers(line: str, at: str, hulls: Hulls) -> tuple[int, Place, bool] | None:
    """Return (class, box in shares, whether it has a score, as a model gives); None, with a fault, for what is none."""
    faults, texts = hulls.reading.faults, line.split()
    try:
        class_, *shares = (float(text) for text in texts)
    except ValueError:
        faults.note(at, f"it is no line of numbers `class x y width height`: {shown(line[:60])}")
        return None
    if not re.fullmatch("[0-9]{1,9}(?:[.]0*)?", texts[0]):
        faults.note(at, f"the class {shown(texts[0])} is no whole number")
        return None
    if len(shares) in (4, 5):
        (x, y, w, h), scored = shares[:4], len(shares) == 5
        place: Place | None = (x - w / 2, y - h / 2, w, h)
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        xs, ys, scored = shares[::2], shares[1::2], False
        place = hulls.of(at, "polygons", (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
    else:
        faults.note(at, f"{counted(len(texts), 'number')}, where `class x y width height` belongs")
        return None
    if any(abs(share) > A_LITTLE for share in (shares[:4] if len(shares) == 5 else shares)):
        faults.note(at, f"a number is above 1, and shares of the image belong here, not pixels: {shown(line[:60])}")
        return None
    return None if place is None else (int(class_), place, scored)


def _classes(path: Path) -> dict[int, str]:
    """Read the names of the classes by number. Raises ExchangeMalformed where there are none."""
    file = path if path.is_file() else next((path / name for name in NAMES if (path / name).is_file()), None)
    if file is None:
        raise ExchangeMalformed(f"{shown(path)} has none of {', '.join(NAMES)}, which name the classes.")
    text = read_text(file)
    if file.suffix not in (".yaml", ".yml"):
        lines = re.split("\r\n|\r|\n", text)
        return {at: line.strip() for at, line in enumerate(lines) if line.strip()}  # a number is a line's
    try:
        root = yaml.compose(text, yaml.BaseLoader) if len(text) <= MOST_YAML else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ExchangeMalformed(f"{shown(file)} is no YAML: {str(error).splitlines()[0]}.") from None
    return _classes_of(root, file)


def _classes_of(root: yaml.Node | None, file: Path) -> dict[int, str]:
    """Read `names` alone: what else stands in the file of a network's training is not ours to judge.

    Texts are taken as they stand there: else the classes `no` and `1.0` would be False and a number.

    Raises:
        ExchangeMalformed
    """
    top = root.value if isinstance(root, yaml.MappingNode) else []
    named = [(key, value) for key, value in top if key.value == "names"]
    for key, _ in named[1:]:
        raise ExchangeMalformed(f"{shown(file)}: line {_line_of(key)}: the key 'names' stands twice. Mend it.")
    names = named[0][1] if named else None
    pairs = list(names.value) if isinstance(names, yaml.MappingNode) else []
    if isinstance(names, yaml.SequenceNode):
        pairs = [(yaml.ScalarNode("", str(at), one.start_mark), one) for at, one in enumerate(names.value)]
    if not isinstance(names, yaml.CollectionNode) or not all(
        isinstance(name, yaml.ScalarNode) and re.fullmatch("[0-9]{1,9}", str(at.value)) for at, name in pairs
    ):
        raise ExchangeMalformed(f"{shown(file)} has no `names` of classes: a list, or a number and a name a line.")
    classes: dict[int, str] = {}
    for at, name in pairs:
        if (number := int(at.value)) in classes:
            where = f"line {_line_of(at)}: the number {number} stands twice"
            raise ExchangeMalformed(f"{shown(file)}: {where} in its `names` of classes. Mend it.")
        classes[number] = name.value
    return classes


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
