import json
import logging

import pytest
import structlog

from nextlabel.core.logs import TALKATIVE, bound, configure_logs, get_logger


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.fixture
def lines(capsys):
    """What has been written since it was last asked for."""

    def read():
        return capsys.readouterr().err.splitlines()

    return read


def test_a_json_line_has_the_event_its_values_and_where_it_comes_from(lines):
    configure_logs("INFO", as_json=True)
    get_logger("worker.runner").info("job started", seconds=1.5)
    (line,) = lines()
    told = json.loads(line)
    assert (told["event"], told["seconds"], told["level"], told["logger"]) == (
        "job started",
        1.5,
        "info",
        "worker.runner",
    )
    assert told["timestamp"].endswith("Z")


def test_what_is_bound_stands_in_every_line_until_it_is_not(lines):
    configure_logs("INFO", as_json=True)
    with bound(job_id="job_1"):
        get_logger("a").info("inside")
        logging.getLogger("b").warning("of a library")
    get_logger("a").info("outside")
    assert [json.loads(line).get("job_id") for line in lines()] == ["job_1", "job_1", None]


def test_lines_of_other_libraries_look_like_ours(lines):
    configure_logs("INFO", as_json=True)
    logging.getLogger("redis").warning("lost %d connections", 3, extra={"host": "h"})
    told = json.loads(lines()[0])
    assert (told["event"], told["level"], told["logger"], told["host"]) == (
        "lost 3 connections",
        "warning",
        "redis",
        "h",
    )


def test_text_for_people_is_one_line_with_the_values(lines):
    configure_logs("INFO", as_json=False)
    get_logger("a").info("job started", job_id="job_1")
    (line,) = lines()
    assert "job started" in line
    assert "job_id=job_1" in line
    assert "\x1b" not in line  # no colours where no terminal is


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_is_shown_without_the_values_of_variables(lines, as_json):
    configure_logs("INFO", as_json=as_json)
    password = "hunter" + "2"
    try:
        int(f"{len(password)} letters")
    except ValueError as error:
        get_logger("a").error("job failed", exc_info=error)
    told = "\n".join(lines())
    assert "ValueError: invalid literal" in told
    assert "test_logs.py" in told
    assert "hunter2" not in told


def test_a_json_line_stays_one_line_even_with_a_traceback(lines):
    configure_logs("INFO", as_json=True)
    get_logger("a").error("job failed", exc_info=ZeroDivisionError("two\nlines"))
    (line,) = lines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


@pytest.mark.parametrize(("level", "heard"), [("INFO", False), ("DEBUG", True)])
def test_talkative_libraries_are_heard_from_warning_up_unless_all_is_wanted(lines, level, heard):
    configure_logs(level, as_json=True)
    for name in TALKATIVE:
        logging.getLogger(f"{name}.inner").info("a step")
    assert (len(lines()) > 0) == heard
    logging.getLogger("celery.worker").warning("this matters")
    assert "this matters" in lines()[-1]


def test_configuring_twice_writes_each_line_once(lines):
    configure_logs("INFO", as_json=True)
    configure_logs("WARNING", as_json=True)
    get_logger("b").info("not wanted")
    get_logger("b").warning("once")
    assert [json.loads(line)["event"] for line in lines()] == ["once"]
