"""`nextlabel labels`, as it is typed."""

from __future__ import annotations

import json
import unicodedata

import pytest
from click.testing import CliRunner

from nextlabel.client.label_files import LabelsLost
from nextlabel.client.main import cli
from nextlabel.core.errors import LabelsConflict, LabelsMalformed
from nextlabel.core.tasks.classification import read_labels
from tests.client.commands.terminal import on_a_terminal
from tests.pools import draw


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tcat\nb.png\tdog\nc.png\tcat\n")
    (folder / "ben.txt").write_text("b.png\tcat\nd.png\tdog\n")
    return folder


def labels(*arguments):
    return CliRunner().invoke(cli, ["labels", *map(str, arguments)])


def test_labels_are_counted_by_class_and_person(folder):
    told = labels("stats", folder)
    assert told.stdout == "class,anna,ben,all\ncat,2,1,3\ndog,1,1,2\n"
    assert told.stderr == "4 images; 1 labelled by several people, who disagree on 1\n"
    shown = on_a_terminal("labels", "stats", str(folder))
    assert ["all", "3", "2", "5"] in [line.replace("│", " ").split() for line in shown.splitlines()]
    assert json.loads(labels("stats", folder, "--json").stdout) == {
        "images": 4,
        "conflicts": 1,
        "people": {"anna": {"cat": 2, "dog": 1}, "ben": {"cat": 1, "dog": 1}},
    }


def test_people_may_be_called_as_a_column_is(folder):
    (folder / "anna.txt").rename(folder / "all.txt")
    (folder / "ben.txt").rename(folder / "class.txt")
    assert labels("stats", folder).stdout == "class,all,class,all\ncat,2,1,3\ndog,1,1,2\n"


def test_a_merge_lists_conflicts_and_writes_nothing_unless_told_how_to_settle_them(folder, tmp_path):
    out = tmp_path / "all.txt"
    told = labels("merge", folder, out)
    assert isinstance(told.exception, LabelsConflict)
    assert told.stderr == "b.png: dog (anna), cat (ben)\n"
    assert not out.exists()
    told = labels("merge", folder, out, "--on-conflict", "leave-out")
    assert told.stderr == f"b.png: dog (anna), cat (ben) -> left out\n3 labels in {out}\n"
    assert read_labels(out).classes_by_name == {"a.png": "cat", "c.png": "cat", "d.png": "dog"}


def test_a_merge_is_not_written_into_its_own_folder(folder):
    assert labels("merge", folder, folder / "all.txt").exit_code == 2


def test_what_changed_is_listed(folder, tmp_path):
    new = tmp_path / "new.txt"
    new.write_text("a.png\tcat\nb.png\tcat\ne.png\tdog\n")
    told = labels("diff", folder / "anna.txt", new)
    assert told.stdout == "- c.png\tcat\n+ e.png\tdog\n~ b.png\tdog -> cat\n"
    assert told.stderr == "1 added, 1 removed, 1 changed\n"
    assert json.loads(labels("diff", folder / "anna.txt", new, "--json").stdout)["changed"] == {"b.png": ["dog", "cat"]}


def test_a_check_names_every_faulty_line(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("a.png\tcat\nb.png,dog\nc.png\n")
    told = labels("check", path)
    assert isinstance(told.exception, LabelsMalformed)
    assert "labels.txt:2: a comma stands where a tab belongs" in told.exception.detail
    assert "labels.txt:3: one column; the class is missing" in told.exception.detail


def test_a_check_counts_compares_with_the_pool_and_points_at_classes_that_look_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "a.png").touch()
    (tmp_path / "labels.txt").write_text("a.png\tcat\nb.png\tCat\n")
    told = labels("check", "labels.txt", "--pool", "pool")
    assert told.exit_code == 0
    assert told.stdout == "2 labels of 2 classes: Cat, cat\n1 of 1 image in pool is labelled\n"
    assert told.stderr == "these look like one class: Cat, cat\nnot in pool: b.png\n"
    (tmp_path / "labels.txt").write_text("pool/a.png\tcat\n")
    assert labels("check", "labels.txt", "--pool", "pool").stderr.splitlines() == [
        "not in pool: pool/a.png",
        "perhaps 'pool/a.png' is there as 'a.png': a name is the path from pool on",
    ]


def test_a_check_tells_of_classes_that_look_alike_before_it_ends_with_what_they_make_people_contradict(folder):
    (folder / "ben.txt").write_text("b.png\tDog\n")
    told = labels("check", folder)
    assert isinstance(told.exception, LabelsConflict)
    assert "these look like one class: Dog, dog" in told.stderr


def test_a_check_points_at_a_class_that_is_perhaps_misspelt(tmp_path):
    lines = [f"{number}.png\tdress\n" for number in range(12)] + ["a.png\tdres\n", "b.png\tshirt\n"]
    (tmp_path / "labels.txt").write_text("".join(lines))
    told = labels("check", tmp_path / "labels.txt")
    assert told.stderr == "perhaps misspelt: dres (labels: 1) for dress (labels: 12)\n"


def test_labels_are_converted_by_the_names_of_the_files(folder, tmp_path):
    told = labels("convert", folder / "anna.txt", tmp_path / "a.csv", "--class-column", "label")
    assert told.stderr == f"3 labels in {tmp_path / 'a.csv'} (csv)\n"
    assert (tmp_path / "a.csv").read_bytes() == b"name,label\r\na.png,cat\r\nb.png,dog\r\nc.png,cat\r\n"
    labels("convert", tmp_path / "a.csv", tmp_path / "b.txt", "--class-column", "label")
    assert (tmp_path / "b.txt").read_bytes() == (folder / "anna.txt").read_bytes()
    assert isinstance(labels("convert", tmp_path / "a.csv", tmp_path / "c.txt").exception, LabelsMalformed)


def test_a_check_names_what_the_eye_can_t_see_what_is_nobody_s_and_each_contradiction(folder, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text("a.png\tcat\nb.png\tc\u0430t\nc.png \tdog\n")
    told = labels("check", path)
    assert (
        "these look like one class: cat, c\u0430t (by letters of two alphabets (cyrillic small letter a))"
        in told.stderr
    )
    assert "'c.png ' has a space at its beginning or end" in told.stderr
    (folder / "anna.txt~").write_text("a.png\tdog\n")
    told = labels("check", folder)
    assert isinstance(told.exception, LabelsConflict)
    assert "look like copies: anna.txt~" in told.stderr
    assert told.stdout == "3 labels of 2 classes: cat, dog\n"
    assert "'b.png': 'dog' in anna.txt:2, 'cat' in ben.txt:1" in told.exception.detail


def test_names_keep_their_spelling_when_labels_are_merged_and_converted(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "anna.txt").write_text(f"{decomposed}\tcat\n")
    (folder / "ben.txt").write_text(f"{composed}\tcat\n")
    labels("merge", folder, tmp_path / "all.txt")
    assert len((tmp_path / "all.txt").read_text().splitlines()) == 1
    labels("convert", folder / "anna.txt", tmp_path / "a.csv")
    assert decomposed in (tmp_path / "a.csv").read_text()


@pytest.mark.parametrize("command", ["merge", "convert"])
def test_labels_are_not_replaced_by_fewer_unless_that_is_said(folder, tmp_path, command):
    out, source = tmp_path / "out.txt", tmp_path / "few"
    source.mkdir()
    (source / "anna.txt").write_text("a.png\tcat\n")
    out.write_text("a.png\tcat\nb.png\tdog\n")
    given = source if command == "merge" else source / "anna.txt"
    assert isinstance(labels(command, given, out).exception, LabelsLost)
    assert out.read_text() == "a.png\tcat\nb.png\tdog\n"
    assert labels(command, given, out, "--yes").exit_code == 0
    assert out.read_text() == "a.png\tcat\n"


def test_a_class_is_renamed_and_removed_in_everybodys_files_and_that_is_undone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels").mkdir()
    for person in ("anna", "ben"):
        (tmp_path / "labels" / f"{person}.txt").write_text("a.png\tcta\nb.png\tdog\n")
    renamed = CliRunner().invoke(cli, ["labels", "rename", "labels", "cta", "cat"])
    assert (renamed.exit_code, renamed.output) == (0, "anna.txt: 1 changed\nben.txt: 1 changed\n")
    refused = CliRunner().invoke(cli, ["labels", "rename", "labels", "cat", "dog"])
    assert "there are labels of the class 'dog' already (2)" in str(refused.exception)
    assert CliRunner().invoke(cli, ["labels", "remove", "labels", "dog"]).exit_code == 0
    assert (tmp_path / "labels" / "ben.txt").read_text() == "a.png\tcat\n"
    assert CliRunner().invoke(cli, ["labels", "undo", "labels"]).exit_code == 0
    assert (tmp_path / "labels" / "ben.txt").read_text() == "a.png\tcat\nb.png\tdog\n"


def test_contradictions_are_listed_and_settled(folder):
    told = labels("settle", folder)
    version = told.stdout.strip()[-16:]
    assert told.stdout == (f"name,class,file,version\nb.png,dog,anna.txt:2,{version}\nb.png,cat,ben.txt:1,{version}\n")
    assert told.stderr == "1 to settle\n"
    assert labels("settle", folder, "b.png", "dog").stderr == "b.png: dog\n"
    assert labels("settle", folder).stderr == "0 to settle\n"
    assert (folder / "ben.txt").read_text() == "b.png\tcat\nd.png\tdog\n"
    out = folder.parent / "all.txt"
    labels("merge", folder, out)
    assert read_labels(out).classes_by_name["b.png"] == "dog"
    labels("settle", folder, "b.png", "--open-again")
    assert labels("settle", folder).stderr == "1 to settle\n"
    labels("settle", folder, "b.png", "cat", "--version", version)
    assert "b.png was labelled meanwhile" in str(
        labels("settle", folder, "b.png", "dog", "--version", version).exception
    )


@pytest.mark.parametrize("said", [[], ["cat", "--none"], ["--none", "--open-again"]])
def test_it_is_settled_in_one_way_alone(folder, said):
    assert labels("settle", folder, "b.png", *said).exit_code == 2


@pytest.fixture
def drawn(tmp_path):
    lines = '{"name": "a.png", "width": 90, "height": 90, "boxes": [%s]}\n'
    (tmp_path / "boxes").mkdir()
    for person, boxes in (("Anna_P", '{"class": "cat", "box": [1, 2, 30, 40]}'), ("ben", "")):
        (tmp_path / "boxes" / f"boxes-{person}.jsonl").write_text(lines % boxes)
    return tmp_path / "boxes"


def test_boxes_are_settled_as_one_person_drew_and_opened_again(drawn):
    of_boxes = ("--task", "detection")
    before = {file: file.read_bytes() for file in drawn.iterdir()}
    told = labels("settle", drawn, *of_boxes)
    open_ = '"cat at 1, 2 (30 x 40)","boxes-Anna_P.jsonl:1, and not in boxes-ben.jsonl:1"'
    version = told.stdout.strip()[-16:]
    assert (told.stdout, told.stderr) == (f"name,box,file,version\na.png,{open_},{version}\n", "1 to settle\n")
    assert labels("check", drawn, *of_boxes).exit_code == 1
    told = labels("settle", drawn, "a.png", "--as", "Anna P", *of_boxes)
    assert told.stderr == "a.png: as Anna P drew, 1 cat\n"
    assert labels("settle", drawn, *of_boxes).stderr == "0 to settle\n"
    assert labels("check", drawn, *of_boxes).exit_code == 0
    out = drawn.parent / "coco"
    CliRunner().invoke(cli, ["export", "coco", *of_boxes, "--labels", str(drawn), "--out", str(out)])
    written = json.loads((out / "annotations" / "instances_nextlabel.json").read_text())
    assert [one["bbox"] for one in written["annotations"]] == [[1, 2, 30, 40]]
    late = labels("settle", drawn, "a.png", "--as", "ben", "--version", version, *of_boxes)
    assert "a.png was changed meanwhile" in str(late.exception)
    assert labels("settle", drawn, "a.png", "--as", "ben", *of_boxes).stderr == "a.png: as ben drew, nothing here\n"
    assert labels("settle", drawn, "a.png", "--open-again", *of_boxes).stderr == "a.png: open again\n"
    assert labels("settle", drawn, *of_boxes).stderr == "1 to settle\n"
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("said", [[], ["cat"], ["--none"], ["--as", "ben", "--open-again"], ["--as", "eva"]])
def test_boxes_are_settled_in_one_way_alone_and_as_somebody_drew(drawn, said):
    told = labels("settle", drawn, "a.png", *said, "--task", "detection")
    assert told.exit_code == 2
    assert not (drawn / "_settled.jsonl").exists()
    if "eva" in said:
        assert "who has: Anna_P, ben" in told.stderr


def test_of_two_files_of_one_person_it_is_said_which_counts(drawn):
    (drawn / "ben.jsonl").write_text((drawn / "boxes-Anna_P.jsonl").read_text())
    told = labels("settle", drawn, "a.png", "--as", "ben", "--task", "detection")
    assert (told.exit_code, (drawn / "_settled.jsonl").exists()) == (2, False)
    assert "'ben' has drawn on 'a.png' in ben.jsonl, boxes-ben.jsonl" in " ".join(told.stderr.split())
    told = labels("settle", drawn, "a.png", "--as", "boxes-ben.jsonl", "--task", "detection")
    assert told.stderr == "a.png: as boxes-ben.jsonl drew, nothing here\n"


def test_classes_are_not_settled_as_somebody_drew(folder):
    assert labels("settle", folder, "b.png", "--as", "ben").exit_code == 2


def test_doubts_are_noted_listed_and_taken_back(folder):
    assert labels("notes", folder, "d.png", "--person", "anna", "--unsure", "--text", "cat or dog?").exit_code == 0
    assert labels("notes", folder).stdout == "name,person,unsure,text\nd.png,anna,unsure,cat or dog?\n"
    assert labels("notes", folder, "--person", "ben").stdout == "name,person,unsure,text\n"
    labels("notes", folder, "d.png", "--person", "anna", "--sure")
    assert labels("notes", folder, "--unsure").stderr == "0 unsure, 0 texts\n"
    assert labels("notes", folder).stdout == "name,person,unsure,text\nd.png,anna,,cat or dog?\n"
    assert labels("stats", folder).stderr == "4 images; 1 labelled by several people, who disagree on 1\n"


@pytest.mark.parametrize("said", [["d.png", "--unsure"], ["d.png", "--person", "anna"], ["--text", "dark"]])
def test_a_note_without_a_person_an_image_or_a_word_is_refused(folder, said):
    assert labels("notes", folder, *said).exit_code == 2
    assert not (folder / "notes.json").exists()


def test_images_are_kept_apart_and_listed(folder, tmp_path):
    names = draw(tmp_path / "pool", red=3, blue=3)
    assert labels("keep-apart", folder, "--pool", tmp_path / "pool", "-n", 2).stderr == "2 of 6 images are kept apart\n"
    heading, *listed = labels("keep-apart", folder).stdout.split()
    assert (heading, len({*listed} & {*names})) == ("name", 2)
    assert json.loads(labels("keep-apart", folder, "--json").stdout) == [{"name": name} for name in listed]
    assert labels("keep-apart", folder, "-n", 2).exit_code == 2


def test_what_is_kept_apart_of_another_pool_is_told_apart(folder, tmp_path):
    draw(tmp_path / "pool", red=3, blue=3)
    draw(tmp_path / "other", green=1)
    labels("keep-apart", folder, "--pool", tmp_path / "pool", "-n", 2)
    _, *listed = labels("keep-apart", folder).stdout.split()
    told = labels("keep-apart", folder, "--pool", tmp_path / "other")
    assert told.stdout == "name\n"
    known = f"other (they went, or are of another pool): 2 ({', '.join(listed)})"
    assert told.stderr.endswith(f"{known}; to give them up, take them out of validation.json\n")
    told = labels("keep-apart", folder, "--pool", tmp_path / "other", "-n", 0).stderr
    assert told.startswith("0 of 1 image is kept apart\nkept apart, too,")


def test_a_mistyped_folder_is_not_made_to_keep_images_apart_in(tmp_path):
    draw(tmp_path / "pool", red=3, blue=3)
    told = labels("keep-apart", tmp_path / "typo", "--pool", tmp_path / "pool", "-n", 2)
    assert (told.exit_code, "make the folder first" in told.stderr, (tmp_path / "typo").exists()) == (2, True, False)


def test_of_a_folder_that_is_not_there_nothing_is_listed_without_a_word(tmp_path):
    (tmp_path / "labels.txt").write_text("")
    for command in ("keep-apart", "settle", "notes", "undo"):
        told = labels(command, tmp_path / "nothere")
        assert (told.exit_code, "does not exist" in told.stderr) == (2, True)
    assert "is a file" in labels("keep-apart", tmp_path / "labels.txt").stderr


@pytest.mark.parametrize(("command", "name"), [("merge", "all.txt"), ("convert", "all.csv"), ("convert", "b.txt")])
def test_nothing_is_merged_or_converted_into_the_labels_of_people(folder, tmp_path, command, name):
    before = sorted(folder.iterdir())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("a.png\tcat\n")
    for source in (folder, tmp_path / "other"):
        assert labels(command, source, folder / name).exit_code == 2
    assert sorted(folder.iterdir()) == before
    assert labels(command, tmp_path / "other", folder / "all.json").exit_code == 0


def test_a_folder_without_a_labels_file_is_not_converted_to_an_empty_one(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.json").touch()
    told = labels("convert", tmp_path, tmp_path / "out.txt")
    assert (told.exit_code, "`nextlabel import coco`" in told.stderr) == (2, True)
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("check", ["anna.txt"]),
        ("diff", ["none.txt", "anna.txt"]),
        ("merge", [".", "\x1b]0;title\x07cat.txt"]),  # which is refused
    ],
)
def test_names_and_classes_do_nothing_to_a_terminal(tmp_path, command, paths):
    (tmp_path / "none.txt").touch()
    (tmp_path / "anna.txt").write_text("a.png\t\x1b]0;title\x07cat\n\u202eb.png\tdog\n")
    said = on_a_terminal("labels", command, *(str(tmp_path / path) for path in paths))
    assert r"\x1b]0;title\x07cat" in said
    assert not {"\x1b", "\x07", "\u202e"}.intersection(said)


def test_a_file_behind_stdout_is_written_on_and_not_counted_as_one_to_replace(folder, tmp_path):
    with (tmp_path / "all.csv").open("ab", buffering=0) as there:
        there.write(b"name,class\n")
        told = labels("convert", folder / "ben.txt", f"/dev/fd/{there.fileno()}")
    assert told.exit_code == 0, told.exception
    assert (tmp_path / "all.csv").read_text() == "name,class\nb.png\tcat\nd.png\tdog\n"
