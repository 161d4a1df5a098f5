"""`nextlabel keys`, as it is typed."""

from __future__ import annotations

import re

from click.testing import CliRunner

from nextlabel.client.main import cli
from nextlabel.core.errors import Misconfigured
from nextlabel.core.keys import KEY, KeyRing, Scope
from tests.client.test_main import nextlabel


def keys(*arguments):
    return CliRunner(env={"NEXTLABEL_API_KEYS_FILE": None}).invoke(cli, ["keys", *map(str, arguments)])


def test_a_key_is_made_listed_and_revoked(tmp_path):
    file = tmp_path / "etc" / "keys.json"
    made = keys("create", "anna", "--file", file)
    key = made.stdout.strip()
    key_id = re.fullmatch(KEY, key)[1]
    assert KeyRing(file).find(key).allows == {Scope.READ, Scope.WRITE}

    listed = keys("list", "--file", file).stdout
    assert re.fullmatch(rf"id,created_at,owner,scopes\n{key_id},\S+,anna,jobs:read jobs:write\n", listed)

    assert keys("revoke", key_id, "--file", file).exit_code == 0
    assert isinstance(keys("revoke", key_id, "--file", file).exception, Misconfigured)


def test_scopes_are_those_that_exist(tmp_path):
    file = tmp_path / "keys.json"
    made = keys("create", "root", "--scope", "admin", "--scope", "jobs:write", "--file", file)
    assert KeyRing(file).find(made.stdout.strip()).allows == set(Scope)
    assert keys("create", "root", "--scope", "jobs", "--file", file).exit_code == 2


def test_without_a_file_it_is_wrong_usage():
    told = keys("list")
    assert told.exit_code == 2
    assert "NEXTLABEL_API_KEYS_FILE" in told.stderr


def test_up_refuses_to_open_the_door_to_all_before_it_starts_anything(tmp_path):
    told = nextlabel("up", "--host", "0.0.0.0")
    assert told.returncode == 1
    assert told.stderr.startswith("nextlabel: 0.0.0.0 can be reached from other machines, and no key would be asked")
    assert told.stderr.count("\n") == 1
    assert "starting" not in told.stdout
