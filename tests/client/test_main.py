import subprocess
import sys

import pytest

from client.stack import free_port


def nextlabel(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "client.main", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "command", [(), ("up",), ("demo",), ("submit",), ("watch",), ("cancel",), ("keys",), ("keys", "create")]
)
def test_every_command_has_help(command):
    told = nextlabel(*command, "--help")
    assert told.returncode == 0
    assert "Usage: " in told.stdout


def test_a_field_without_a_value_is_wrong_usage():
    told = nextlabel("submit", "selection", "backbone")
    assert told.returncode == 2
    assert "'backbone' is not field=value" in told.stderr


def test_a_demo_of_ones_own_needs_all_four_paths(tmp_path):
    told = nextlabel("demo", "--pool", str(tmp_path))
    assert told.returncode == 2
    assert "--pool, --labels, --val and --val-labels belong together" in told.stderr


def test_an_api_that_is_not_there_is_one_line_and_no_traceback():
    told = nextlabel("cancel", "job_x", "--url", f"http://127.0.0.1:{free_port()}")
    assert told.returncode == 1
    assert told.stderr.startswith("nextlabel: no answer from http://127.0.0.1:")
    assert told.stderr.count("\n") == 1
