"""Every command line that the docs show is typed, against the real stack, in a folder like the one they speak of."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.client.main import cli, main
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from nextlabel.core.data.labels import write_labels
from nextlabel.core.exchange import cvat
from nextlabel.core.exchange.boxes import coco, yolo
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import write_text
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.exchange.label_studio import Control, tasks
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.tasks.classification import read_labels

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]  # the first job waits for torch to be imported
ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
#: What stands for something of the reader's in a line that is no example.
MEANT = {"POOL": "photos", "L": "labels", "V": "val", "VL": "val.txt", "N": "3", "K": "selection", "S": "succeeded"}
#: Those that would run for ever or for a minute, train a detector, or need weights that aren't here: that they take
#: these options is all that is looked at.
ONLY_READ = (
    "up", "demo", "mcp", "predict photos --task detection", "select photos --task detection",
    "f1 photos --task detection", "export coco --task detection --job",
    "check photos --task detection", "check photos --labels labels --task detection", "curve photos --task detection",
    "audit photos --task detection",
    "similar photos -n 50 --task detection", "map photos --task detection",
    "similar photos -n 50 --backbone siglip", "predict photos --backbone siglip",
)  # fmt: skip
#: What ends otherwise than well, as its page says.
ENDS = {
    "select nowhere": 3,
    "select s3://": 3,  # this stack has no root in a bucket
    "labels check bad.txt": 1,
    "cancel": 3,  # the job has ended
    "retry": 3,  # it has succeeded
}


def lines_of(page: Path) -> list[str]:
    """The command lines in a page: in its consoles, and within its sentences."""
    text = page.read_text()
    consoles = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    shown = [line[2:] for line in consoles.splitlines() if line.startswith("$ ")]
    sentences = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    said = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", sentences)]
    found = (re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?nextlabel (.*)", line) for line in [*shown, *said])
    return [re.split(r" +[|>#&]", one[1])[0].strip() for one in found if one]


SPOKEN_OF = [page for page in PAGES if lines_of(page)]
COMMANDS = tuple(f"{kind.command} " for kind in KINDS.values())


@pytest.fixture(scope="module")
def asked() -> set[tuple[str, ...]]:
    """Jobs that another page asked for, by line and settings: in the same folder they come out alike."""
    return set()


@pytest.fixture
def folder(data, tmp_path_factory, monkeypatch):
    """A folder below the data root with what the docs speak of: photos, labels, files of other tools."""
    folder = data / tmp_path_factory.mktemp("docs").name
    answers = dict(list(read_labels(data / "answers.txt").classes_by_name.items())[:120])
    labels = dict(list(answers.items())[:80])
    for pool, source, names in (
        ("photos", "pool", list(answers)), ("photos/train", "pool", list(answers)[:30]),
        ("val", "val", list(read_labels(data / "labels_val.txt").classes_by_name)),
    ):  # fmt: skip
        (folder / pool).mkdir(parents=True)
        for name in names:
            (folder / pool / name).hardlink_to(data / source / name)
    (folder / "val.txt").hardlink_to(data / "labels_val.txt")
    for name in ("labels", "photos/labels", "keys"):
        (folder / name).mkdir()
    halves = list(labels.items())[:40], list(labels.items())[40:]
    for file, pairs in (("labels/anna.txt", halves[0]), ("labels/ben.txt", halves[1]), ("labels.txt", labels.items())):
        write_labels(folder / file, pairs)
    write_labels(folder / "photos" / "labels" / "anna.txt", list(labels.items())[:20])
    (folder / "bad.txt").write_text("a.png\tcat\nb.png,dog\n")
    given = [Entry(name, class_name, given=True) for name, class_name in list(labels.items())[:20]]
    (folder / "answers.csv").write_text("".join(f"{one.name},{one.class_name}\n" for one in given))
    write_text(folder / "annotations.xml", cvat.document(given))
    for file in ("export.json", "project-3.json"):
        made = tasks(given, ImageUrls("/data/local-files/?d=photos/"), Control(), "v")
        (folder / file).write_text(json.dumps(made))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("page", SPOKEN_OF, ids=lambda page: page.name)
def test_every_command_line_of_the_docs_does_what_it_says(page, folder, stack, client, asked, monkeypatch, capsys):
    monkeypatch.setenv("NEXTLABEL_URL", stack.url)
    import_all(cli)  # with the default that their help names: other tests of this process look at that
    monkeypatch.setattr("nextlabel.client.commands.options.DEFAULT_BACKBONE", "descriptor")  # no weights here
    exported = re.findall(r"^\$ export (NEXTLABEL_\w+)=(\S+)$", page.read_text(), re.MULTILINE)
    for name, value in exported:
        monkeypatch.setenv(name, str(folder / Path(value).name))
    if page.name in ("detection.md", "team.md"):
        draw_boxes(folder)
    for line in lines_of(page):
        if is_only_named(line):
            assert CliRunner().invoke(cli, [*words_of(line), "--help"]).exit_code == 0, line
        elif any(f"{line} ".startswith(f"{begin} ") for begin in ONLY_READ):
            command, words = cli, shlex.split(line)
            while isinstance(command, click.Group):
                command = command.get_command(click.Context(command), words.pop(0))
            assert command.make_context("nextlabel", words), line
        elif (job := (filled := filled_in(line, client, folder), *map(str, exported))) not in asked:
            if filled.startswith(COMMANDS) and not re.search(r" (-o|--person) ", filled):  # it leaves nothing behind
                asked.add(job)
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(filled))
            expected = next((code for begin, code in ENDS.items() if line.startswith(begin)), 0)
            assert ended.value.code == expected, f"{line}: {capsys.readouterr().err[-2000:]}"


def import_all(group: click.Group) -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        if isinstance(below := group.get_command(context, name), click.Group):
            import_all(below)


def draw_boxes(folder: Path) -> None:
    """What is said of boxes: in files of nextlabel's own and of other tools, and found by a detector."""
    drawn: dict[str, dict[str, BoxedImage]] = {"photos": {}, "val": {}}
    for pool, images in drawn.items():
        for path in sorted((folder / pool).glob("*.png"))[:20]:
            with Image.open(path) as image:
                images[path.name] = BoxedImage(*image.size, (Box("cat", 2, 2, 9, 6),))
    photos = drawn["photos"]
    for file, images in (("photos/labels", photos), ("labels", photos), ("val-boxes.jsonl", drawn["val"])):
        path = folder / file if file.endswith(".jsonl") else folder / file / "boxes-anna.jsonl"
        path.write_text(write_lines(images.items()))
    (folder / "instances.json").write_text(json.dumps(coco.document(photos)))
    for path, text in yolo.documents(photos):
        (folder / "dataset" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dataset" / path).write_text(text)
    found = [f"{name},cat,2,2,9,6,0.9" for images in drawn.values() for name in images]
    (folder / "found.csv").write_text("\n".join(["name,class,x,y,width,height,score", *found, ""]))


def test_the_docs_have_command_lines():
    assert len(SPOKEN_OF) > 5
    assert sum(len(lines_of(page)) for page in SPOKEN_OF) > 60


def words_of(line: str) -> list[str]:
    """The words before the first option, or what follows `...`."""
    return line.partition(" ...")[0].partition(" --")[0].split()


def is_only_named(line: str) -> bool:
    """Tell whether a line names a command and no more: nobody would type it so."""
    if line.endswith(" ...") or line.startswith("--"):
        return True
    found: click.Command | None = cli
    for word in line.split():
        found = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
    return found is not None


def filled_in(line: str, client, folder: Path) -> str:
    """The line with a real job, address and images in place of those that it makes up."""
    line = line.replace("[", "").replace("]", "").replace("http://gpubox:5000", client.url)
    image = next((folder / "photos").glob("*.png")).name
    words = {**MEANT, "NAME": image}
    line = " ".join(words.get(word, word) for word in line.split())
    if re.search(r"\bID(\.\.\.)?|job_[0-9a-z]*\.\.\.", line):
        request = {"kind": "selection", "backbone": "descriptor", "add": 3}
        request |= {"path_to_img": str(folder / "photos"), "path_to_labels": str(folder / "labels")}
        job = client.wait(client.submit(request).id, timeout_s=60)
        line = re.sub(r"\bID(\.\.\.)?|job_[0-9a-z]*\.\.\.", job.id, line)
    return line
