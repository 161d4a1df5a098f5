"""One file to mail: whatever the results, it is HTML that asks no host, and says what it can't tell."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from nextlabel.core.data.looks import Look
from nextlabel.core.jobs.hand_outs import HandOut
from nextlabel.core.jobs.record import JobWarning
from nextlabel.core.reports.report import MOST_BYTES, About, report
from tests.canned_results import AGREEMENT, BOXES_CHECK, BOXES_F1, LABEL_CHECK, RESULTS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOKS = {"a.png": Look(0.5, 1.0), "b.png": Look(0.5, 2.0), "night.png": Look(0.05, 1.0), "fog.png": Look(0.9, 0.05)}
ABOUT = About("<photos>", NOON, 3, {"anna": 2, "ben": 1}, disputed=1, settled=0, images=40, looks=LOOKS)


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def written(results=(), hand_outs=(), picture=lambda *_: None, about=ABOUT):
    text = report(list(results), hand_outs, about, picture)
    parser = Addresses()
    parser.feed(text)
    assert parser.open == []
    assert all(address.startswith("data:") for address in parser.found)
    return text


def test_all_results_make_a_file_that_asks_no_host():
    text = written(RESULTS.values(), [HandOut("job_1", "ben", NOON, ("x.png",), ())], lambda *_: b"JPEG")
    assert text.count("<svg") == 4
    assert "Not told" not in text
    assert "a.png</b><br>looks like dog" in text
    assert 'src="data:image/jpeg;base64,SlBFRw=="' in text
    assert "<td>ben</td><td>1</td><td>0</td><td>12:00 UTC</td>" in text
    assert "&lt;photos&gt;" in text


def test_what_nobody_asked_for_is_said_to_be_missing():
    text = written()
    assert len(re.findall("Not told: ", text)) == 7
    assert "1 about which people contradict each other" in text


def test_what_jobs_warned_of_is_told_first_and_once():
    names = ("photos/a.png", "photos/<b>.png", "photos/c.png", "photos/d.png")
    warning = JobWarning(code="label_without_image", detail="not in the pool", count=60, names=names)
    text = report([], [], replace(ABOUT, warnings=[warning, warning]), lambda *_: None)
    assert text.count("not in the pool (photos/a.png, photos/&lt;b&gt;.png, photos/c.png, and 57 more)") == 1
    assert text.index("not in the pool") < text.index("Is it worth labelling more?")
    assert "To be known beforehand" not in written()


def test_dark_images_are_told_and_those_blurred_beside_the_others():
    text = written()
    assert "Looked at 4 of 40 images, an even draw." in text
    assert "Dark: 1." in text
    assert "<b>night.png</b><br>5% bright" in text
    assert "beside the others: 1." in text
    assert "<b>fog.png</b><br>5% as sharp" in text


def test_it_stays_small_whatever_the_pictures_weigh():
    many = LABEL_CHECK.model_copy(update={"items": LABEL_CHECK.items * 1000})
    text = written([many, AGREEMENT], picture=lambda *_: bytes(400_000))
    assert len(text) < MOST_BYTES
    assert "(no picture)" in text
    assert "and 976 more" in text


def test_of_boxes_it_tells_precision_kinds_of_misses_and_shows_suspicious_boxes_cut_out():
    asked = []
    about = replace(ABOUT, task="detection", boxes=9)
    text = written([BOXES_F1, BOXES_CHECK], picture=lambda *one: asked.append(one) or b"JPEG", about=about)
    assert "3 labelled images with 9 boxes" in text
    assert "<td>cat</td><td>0.800</td><td>0.700 to 0.900</td><td>0.500</td><td>0.750</td><td>4</td>" in text
    assert "<td>nothing is there</td><td>2</td>" in text
    assert asked[0] == ("a.png", (None, (100.0, 50.0, 60.0, 40.0)))
    assert re.findall("Not told: (.*?) was", text) == ["a learning curve", "a batch", "a map"]
    assert "leaks" not in text
