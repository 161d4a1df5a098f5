"""What every kind of job gives back: the base of results, the parts that several kinds share, and the forms of a file.

A result is written once as JSON; csv and tab-separated labels are made from the same object. The same request on the
same device gives the same bytes, so nothing in a result tells the time.
"""

from __future__ import annotations

import csv
import io
import json
from abc import abstractmethod
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, get_args, overload

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from nextlabel.core.data.label_text import format_line, join_lines
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.showing import FEW, as_html, as_text, in_short

if TYPE_CHECKING:
    import pandas


Member = TypeVar("Member")
ROWS_AT_ONCE = 1_000


class MadeWhenAsked(Sequence[Member]):
    """Members of a result, made anew whenever somebody asks for one: as objects, many of them would fill the memory.

    A field that may hold it is annotated with `MANY`. It is equal to a tuple of the same members, and read back as one.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, n: int, make: Callable[[int], Member]) -> None:
        """Take the number of members, and what makes the one at an index from 0 to n - 1."""
        self._indices, self._make = range(n), make

    def __repr__(self) -> str:
        short = in_short(range(len(self)))
        return repr(tuple(self) if isinstance(short, range) else short)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, i: int) -> Member: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Member]: ...
    def __getitem__(self, i: int | slice) -> Member | Sequence[Member]:
        if isinstance(i, slice):
            return tuple(map(self._make, self._indices[i]))
        return self._make(self._indices[i])

    def __iter__(self) -> Iterator[Member]:
        return map(self._make, self._indices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | list | MadeWhenAsked):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))


class MadeOfJson(MadeWhenAsked[Member]):
    """Members of a result that was read, kept as the JSON that they were read from."""

    def __init__(self, member: type[Member], content: bytes, begins: Sequence[int], end: int) -> None:
        """Take the model of the members, where each of them begins, and where the last one ends.

        Raises ValidationError where one is none.
        """
        super().__init__(len(begins), self._read)
        self._validated, self._content = member.model_validate_json, content  # type: ignore[attr-defined]
        self._bounds = array("Q", [*begins, end + 1])
        for _ in self:
            pass

    def _read(self, i: int) -> Member:
        member: Member = self._validated(self._content[self._bounds[i] : self._bounds[i + 1] - 1])  # but for its comma
        return member


class _Many:
    """Has a field of a model hold a sequence that is made when asked for as it is; it is written as any other."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        whole = core_schema.tuple_schema([handler.generate_schema(get_args(source)[0])], variadic_item_index=0)
        return core_schema.no_info_wrap_validator_function(
            lambda value, checked: value if isinstance(value, MadeWhenAsked) else checked(value),
            whole,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, written: written(tuple(value)), schema=whole
            ),
        )


MANY = _Many()


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Yield what pydantic, rich and debuggers write of it: of what is long, how long it is."""
        return ((name, in_short(value)) for name, value in super().__repr_args__())


class Result(Part):
    """The base of every kind's result. A subclass narrows `kind` and says what its rows are."""

    kind: str

    columns: ClassVar[tuple[str, ...]]

    def header(self) -> Sequence[str]:
        """The first row of its csv file: a result with a column for each class has more than `columns`."""
        return self.columns

    @classmethod
    def many(cls) -> Mapping[str, type[Part]]:
        """Return the fields that may hold what is made when asked for, and the models of its members."""
        marked = {name: field for name, field in cls.model_fields.items() if MANY in field.metadata}
        return {name: get_args(field.annotation)[0] for name, field in marked.items()}

    def json_parts(self) -> Iterator[bytes]:
        """Yield what `model_dump_json` returns, in UTF-8, and no more at a time than one member of what is made when
        asked for.
        """
        before = b"{"
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if not isinstance(value, MadeWhenAsked):
                yield before + self.model_dump_json(include={name}).encode()[1:-1]
            else:
                yield before + json.dumps(field.serialization_alias or name).encode() + b":["
                for i, member in enumerate(value):
                    yield (b"," if i else b"") + member.model_dump_json().encode()
                yield b"]"
            before = b","
        yield b"}"

    @abstractmethod
    def rows(self) -> Iterable[Sequence[Any]]:
        """The rows of its csv file, each as long as `columns`."""

    @abstractmethod
    def sentences(self) -> Iterable[str]:
        """What it comes to, in whole sentences for a person."""

    def to_pandas(self) -> pandas.DataFrame:
        """Make a frame of the rows of its csv file. Raises ModuleNotFoundError where pandas isn't installed."""
        try:
            import pandas  # noqa: PLC0415 - an extra: the client does without
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "to_pandas() needs pandas: pip install 'nextlabel[pandas]'", name=error.name
            ) from error
        return pandas.DataFrame([tuple(row) for row in self.rows()], columns=list(self.header()))

    def __repr__(self) -> str:
        return as_text(type(self).__name__, self.sentences(), sum(1 for _ in self.rows()))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Write the HTML that notebooks show in the place of its text."""
        return as_html(type(self).__name__, self.sentences(), self.header(), *first_rows(self, FEW))

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """Pairs of image name and proposed class; None where there is none to propose.

        With several classes an image, it has several pairs; one with the class "" where none applies.

        A kind that never proposes classes leaves this as it is: `Kind.proposes_labels` looks whether it was overridden.
        """
        return None


class MultilabelResult(Result):
    """The base of results of the task `multilabel` that look otherwise than those of one class an image."""

    task: Literal["multilabel"] = "multilabel"


class DetectionResult(Result):
    """The base of results of the task `detection`."""

    task: Literal["detection"] = "detection"


class Reached(Part):
    """How far a job with `within_s` got: it looked at `images` of the `of` that the pool has, an even draw."""

    images: int
    of: int


class TimedPart(Part):
    """What the results of kinds say that can do with a part of the pool. `reached`: None where no time was set."""

    reached: Reached | None = None

    def of_time(self) -> Iterator[str]:
        """Say how much was looked at, where that wasn't all."""
        if self.reached and self.reached.images < self.reached.of:
            yield (
                f"Looked at {self.reached.images} of {self.reached.of} images, an even draw: those that were embedded "
                "in time. Ask again for more."
            )


class ClassProbability(Part):
    class_name: str = Field(alias="class")
    probability: float


class Skipped(Part):
    """An image that was left out, and why: in English, and by the code of the warning of it; None in older results."""

    name: str
    reason: str
    code: WarningCode | None = None


class Manifest(Part):
    """What makes the answer repeatable. `pools`: of names, sizes and times of change of the images looked at, which are
    all of a folder's or, where a kind needs no others, the labelled ones; `labels`: of content."""

    nextlabel: str
    versions: dict[str, str]
    backbone: str
    weights: str
    preprocessing: str
    head: str | None  #: as asked; where another had to answer, the result's `head` names that
    device: str
    engine: str | None = None  #: what ran the backbone there: openvino, torch, cuda, numpy; unknown in older results
    seed: int
    pools: dict[str, str]
    labels: dict[str, str]
    predictions: str | None = None  #: fingerprint of those that were brought along
    texts: str | None = None  #: digest of the weights that embedded texts among the images, where there were any


class HeadSummary(Part):
    """How the classifier was trained; None in a result where there was nothing to train on. `name`: the head that
    answered, `linear_alone` where neighbours could not be asked. `details`: `names` among them says how much what the
    classes' names say counts, 0 where it helps little; it is left out where no names were listened to."""

    name: str
    classes: tuple[str, ...]
    images_per_class: dict[str, int]
    temperature: float
    details: dict[str, float | int | str]


class WarmFrom(Part):
    """The kept `detector` that training went on from, and how many labelled `images` it knew. `trainings`: so many have
    gone on from one another since one began with the published weights."""

    detector: str
    images: int
    trainings: int


class DetectorSummary(Part):
    """How the detector of boxes was trained; None in a result where nobody had drawn a box yet.

    `images`, `boxes`: it was trained on; `held_out`: images it wasn't, by which it was stopped after so many `passes`,
    and its thresholds were chosen. `map50`: on those, which flatters; None: there is no box on them. `named_by`: the
    backbone whose view of each box's own pixels helps to tell its class; None: nothing does. `augmented`: images were
    made larger, smaller, lighter and darker by chance, as objects are small. `warm_from`: what training went on from;
    None: from no kept detector.
    """

    name: str
    classes: tuple[str, ...]
    images: int
    boxes: int
    held_out: int
    passes: int
    named_by: str | None = None
    image_size: int
    augmented: bool = False
    map50: float | None
    thresholds: dict[str, float]
    warm_from: WarmFrom | None = None


class PredictedBox(Part):
    """`box`: x, y, width, height in pixels of the upright image. `class`: None where nobody has drawn a box yet, so
    that it is just something. `draft`: its score is such that it may be taken for right until a person has looked."""

    box: tuple[float, float, float, float]
    class_name: str | None = Field(alias="class")
    score: float
    draft: bool


class Leak(Part):
    """A labelled image, and the validation image that it is (nearly) a copy of."""

    name: str
    validation_name: str
    class_name: str = Field(alias="class")
    validation_class: str
    identical: bool


def first_rows(result: Result, most: int) -> tuple[list[Sequence[Any]], int]:
    """Return the first rows of a result's csv file, and how many there are in all."""
    rows = iter(result.rows())
    first = list(islice(rows, most))
    return first, len(first) + sum(1 for _ in rows)


def csv_parts(result: Result) -> Generator[str, None, None]:
    """Yield RFC 4180 with a header line, some rows at a time."""
    rows = iter(result.rows())
    some: Iterable[Sequence[Any]] = [result.header()]
    while some:
        text = io.StringIO()
        csv.writer(text).writerows(some)
        yield text.getvalue()
        some = list(islice(rows, ROWS_AT_ONCE))


def as_csv(result: Result) -> str:
    return "".join(csv_parts(result))


def as_labels(result: Result) -> str | None:
    """`file name<TAB>class` a line, which nextlabel reads back; None for a result that has no classes to give."""
    pairs = result.labels_file()
    if pairs is None:
        return None
    may_be_empty = isinstance(result, MultilabelResult)
    return join_lines(format_line(name, class_, may_be_empty=may_be_empty) for name, class_ in pairs)


def members_apart(content: bytes, form: type[Result], field: str) -> tuple[bytes, list[int], int] | None:
    """Take a field's members out of the JSON of a result, unread; None where it isn't written as `json_parts` does.

    The field is known by the key after it, and each member by the key that it begins with: with quotes that are not
    escaped they stand in no text, and what lies within members has other keys.

    Returns the rest, where each member begins, and where the last one ends.
    """
    fields = list(form.model_fields)
    key = json.dumps(next(iter(form.many()[field].model_fields))).encode()
    before, after = (f"{json.dumps(name)}:".encode() for name in (field, fields[fields.index(field) + 1]))
    begin = content.find(before + b"[{" + key + b":") + len(before) + 1
    end = content.find(b"]," + after, begin)
    if begin == len(before) or end < 0:
        return None
    begins, between = [begin], b",{" + key + b":"
    while (comma := content.find(between, begins[-1], end)) >= 0:
        begins.append(comma + 1)
    return content[:begin] + content[end:], begins, end
