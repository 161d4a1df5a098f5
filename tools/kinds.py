"""Writes what is made from the kinds of jobs: client/fields.py, and the table of questions in README.md.

python -m tools.kinds            writes them anew (`make kinds`)
python -m tools.kinds --check    fails where one is not as it would be written
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nextlabel.core.kinds.base import Kind
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.requests import HeadName
from nextlabel.core.kinds.similar import BoxExample
from nextlabel.core.methods.base import Method

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- kinds: written by `make kinds` -->", "<!-- end of kinds -->"


def main() -> None:
    made = {
        ROOT / "client" / "fields.py": client_fields(),
        ROOT / "README.md": readme(),
    }
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        if stale:
            raise SystemExit(f"run `make kinds`; these are not as it writes them: {', '.join(map(str, stale))}")
        return
    for path in stale:
        path.write_text(made[path])
        print(f"{path.relative_to(ROOT)} written")


# --- README.md --------------------------------------------------------------------------------------------------


def readme() -> str:
    before, _, rest = (ROOT / "README.md").read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = ["| question | job | command | Python | more |", "|---|---|---|---|---|", *map(_row, KINDS.values())]
    return "\n".join([before + BEGIN, "", *lines, "", END + after])


def _row(kind: Kind) -> str:
    cells = (
        kind.question,
        f'`{{"kind": "{kind.name}", ...}}`: {kind.answer}',
        f"`nextlabel {kind.command} {kind.usage}`",
        f"`client.{kind.call}(...)`",
        f"[{kind.more.rpartition('/')[2]}](docs/{kind.more}.md)",
    )
    return f"| {' | '.join(cells)} |"


# --- client/fields.py -------------------------------------------------------------------------------------------

PLAIN: dict[Any, str] = {
    HeadName: "HeadName",
    Method: "MethodChoice",
    BoxExample: "Mapping[str, Any]",
    NoneType: "None",
}
WIDER = {tuple: "Iterable", dict: "Mapping"}
HEADER = '''"""What each kind of request may say, and the call of each client that asks it. Written by `make kinds`.

The fields are wider than those of the requests where a person writes it otherwise: a method by its name, a path as a
Path.
"""
'''


def client_fields() -> str:
    parts = [
        HEADER,
        _imports(),
        *(text for kind in KINDS.values() for text in _typed_dicts(kind)),
        _calls("Calls"),
        _calls("AsyncCalls", "async ", "await "),
    ]
    return _formatted("\n\n".join(parts))


def _imports() -> str:
    results = "\n".join(
        f"from {result.__module__} import {result.__name__}"
        for kind in sorted(KINDS.values(), key=lambda kind: kind.result.__module__)
        for result in (kind.result, *kind.results.values())
    )
    return f"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Literal, Required, TypedDict, Unpack, overload

from nextlabel.client import talk
from nextlabel.client.signatures import spelled_out
from nextlabel.client.talk import AnyPath, OnChange, Talk, unheard
{results}
from nextlabel.core.kinds.requests import HeadName
from nextlabel.core.methods.base import Method

MethodChoice = str | Mapping[str, Any] | Method
"""


def _typed_dicts(kind: Kind) -> Iterator[str]:
    """One for all tasks, and one for each where their answers differ: the call is overloaded by those."""
    fields = {
        name: f"Required[{hint}]" if field.is_required() else hint
        for name, field in kind.request.model_fields.items()
        if name != "kind" and (hint := _hint(name, field))
    }
    if not kind.results:
        yield _typed_dict(_fields_of(kind), "TypedDict", fields)
        return
    shared = f"_{_fields_of(kind)}"
    yield _typed_dict(shared, "TypedDict", {name: hint for name, hint in fields.items() if name != "task"})
    yield _typed_dict(_fields_of(kind), shared, {"task": fields["task"]})
    for task in kind.tasks:
        hint = f'Literal["{task}"]'
        said = hint if task == kind.tasks[0] else f"Required[{hint}]"
        yield _typed_dict(_fields_of(kind, task), shared, {"task": said})


def _typed_dict(name: str, base: str, fields: Mapping[str, str]) -> str:
    return "\n".join([f"class {name}({base}, total=False):", *(f"    {one}: {hint}" for one, hint in fields.items())])


def _fields_of(kind: Kind, task: str = "") -> str:
    return task.capitalize() + kind.request.__name__.removesuffix("Request") + "Fields"


def _hint(name: str, field: FieldInfo) -> str:
    shown = _shown(field.annotation)
    return shown.replace("str", "AnyPath") if name.startswith("path_to_") else shown


def _shown(annotation: Any) -> str:
    """As a person may write it: any iterable for a tuple, whatever says which method for a method."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if origin is Annotated:
        return _shown(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_shown, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(_quoted, arguments))}]"
    if origin in WIDER:
        return f"{WIDER[origin]}[{', '.join(_shown(argument) for argument in arguments if argument is not ...)}]"
    return str(annotation.__name__)


def _quoted(value: Any) -> str:
    return f'"{value}"'


def _calls(name: str, asynchronous: str = "", awaited: str = "") -> str:
    head = f'''@spelled_out
class {name}(ABC):
    """One call for each kind of job."""

    @abstractmethod
    {asynchronous}def _carry_out(self, said: Talk[talk.T]) -> talk.T: ...
'''
    return "\n".join([head, *_methods(asynchronous, awaited)])


def _methods(asynchronous: str, awaited: str) -> Iterator[str]:
    for kind in KINDS.values():
        results = {task: kind.result_of(task).__name__ for task in kind.tasks}
        if kind.results:
            for task, result in results.items():
                yield f"    @overload\n    {_head(kind, _fields_of(kind, task), result, asynchronous)} ..."
        yield f"    {_head(kind, _fields_of(kind), ' | '.join(dict.fromkeys(results.values())), asynchronous)}"
        yield f'        """{kind.summary}"""'
        for task in kind.results:
            yield f'        if request.get("task") == "{task}":'
            yield f"            {_answer(results[task], awaited)}"
        yield f"        {_answer(kind.result.__name__, awaited)}\n"


def _answer(result: str, awaited: str) -> str:
    return f"return {awaited}self._carry_out(talk.asked({result}, request, on_change, timeout_s))"


def _head(kind: Kind, fields: str, result: str, asynchronous: str) -> str:
    return f"""{asynchronous}def {kind.call}(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[{fields}]
    ) -> {result}:"""


def _formatted(source: str) -> str:
    """As ruff has it, unused imports left out."""
    for arguments in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", "client/fields.py", "-"]
        source = subprocess.run(command, input=source, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # noqa: S603 - ours
    return source


if __name__ == "__main__":
    main()
