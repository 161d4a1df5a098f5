"""API keys in their file, and who may be reached without any."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.core.errors import Misconfigured
from nextlabel.core.keys import KEY, KeyFile, KeyRing, Scope, check_access, host_of, is_loopback
from nextlabel.core.settings import Settings

BOTH = (Scope.READ, Scope.WRITE)


@pytest.fixture
def file(tmp_path):
    return KeyFile(tmp_path / "keys.json")


def test_a_new_key_is_known_by_its_hash_alone(file):
    key = file.create("anna", BOTH)
    key_id, secret = re.fullmatch(KEY, key).groups()
    (kept,) = json.loads(file.path.read_text())["keys"]
    assert (kept["id"], kept["owner"], kept["scopes"]) == (key_id, "anna", ["jobs:read", "jobs:write"])
    assert kept["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in file.path.read_text()


def test_only_its_owner_may_read_the_file_and_nothing_else_is_left(file):
    file.create("anna", BOTH)
    file.path.chmod(0o644)
    file.create("bob", BOTH)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["keys.json"]


def test_keys_made_at_once_are_all_kept(file):
    threads = [threading.Thread(target=file.create, args=[f"o{i}", BOTH]) for i in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert {key.owner for key in file.read()} == {f"o{i}" for i in range(20)}


def test_a_revoked_key_is_known_no_more_and_the_others_are(file):
    gone, stays = file.create("anna", BOTH), file.create("anna", [Scope.ADMIN])
    ring = KeyRing(file.path)
    assert ring.find(gone).scopes == BOTH
    file.revoke(gone.split("_")[1])
    assert ring.find(gone) is None
    assert ring.find(stays).allows == {Scope.ADMIN, Scope.READ}


def test_revoking_what_is_not_there_is_said_so(file):
    file.create("anna", BOTH)
    with pytest.raises(Misconfigured, match=r"there is no key 00000000 in .*keys\.json"):
        file.revoke("00000000")


def test_a_key_made_later_is_known_at_once(file):
    file.create("anna", BOTH)
    ring = KeyRing(file.path)
    assert ring.find(file.create("bob", BOTH)).owner == "bob"


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=60), st.from_regex(KEY, fullmatch=True)))
def test_nothing_but_the_key_itself_is_taken_for_it(tmp_path_factory, presented):
    file = KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")
    key = file.create("anna", BOTH)
    key_id = key.split("_")[1]
    ring = KeyRing(file.path)
    assert ring.find(presented) is None
    assert ring.find(f"nl_{key_id}_{presented[-43:]}") is None
    assert ring.find(key).id == key_id


@pytest.mark.parametrize("cut", range(0, 300, 37))
def test_a_file_damaged_later_leaves_the_keys_from_before_in_force(file, cut):
    key = file.create("anna", BOTH)
    ring = KeyRing(file.path)
    file.path.write_bytes(file.path.read_bytes()[:cut])
    assert ring.find(key).owner == "anna"
    file.path.unlink()
    assert ring.find(key).owner == "anna"
    file.create("bob", BOTH)
    assert ring.find(key) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is damaged: Invalid JSON"),
        ("{}", "is damaged: keys: Field required"),
        ('{"keys": [{"id": "x"}]}', "is damaged: keys.0.id: "),
        ('{"keys": [], "kyes": []}', "is damaged: kyes: "),
        ('{"keys": [], "keys": []}', "is damaged: the key 'keys' stands twice in one object"),
    ],
)
def test_a_damaged_file_is_said_so_at_the_start_and_never_written_over(file, content, said):
    file.path.write_text(content)
    for use in (lambda: KeyRing(file.path), lambda: file.create("anna", BOTH), lambda: file.revoke("00000000")):
        with pytest.raises(Misconfigured, match=f"keys file .*keys.json {said}"):
            use()
    assert file.path.read_text() == content


def test_what_is_wrong_is_told_without_what_stood_there(file):
    file.path.write_text('{"keys": ["tuna"]}')
    with pytest.raises(Misconfigured) as told:
        file.read()
    assert "tuna" not in told.value.detail


def test_a_missing_file_is_said_so_with_how_to_make_it(file):
    with pytest.raises(Misconfigured, match=r"there is no keys file .*; `nextlabel keys create` writes it"):
        KeyRing(file.path)


@pytest.mark.parametrize("owner", ["", " ", "a/b", "a:b", "a\nb", "-a", "a" * 65])
def test_an_owner_has_a_plain_name(file, owner):
    with pytest.raises(Misconfigured, match="is no name for an owner"):
        file.create(owner, BOTH)
    assert not file.path.exists()


def test_an_owner_may_have_any_letters_and_a_space(file):
    file.create(" Анна Петрова ", BOTH)
    assert [key.owner for key in file.read()] == ["Анна Петрова"]


# --- who may be reached without keys ----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in list(os.environ):
        if name.startswith("NEXTLABEL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_this_machine_alone_needs_no_keys(host):
    assert is_loopback(host)
    check_access(Settings(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "10.0.0.1", "no-such-name.invalid"])
def test_other_machines_are_let_in_with_keys_or_when_somebody_says_so(file, host):
    with pytest.raises(Misconfigured, match=r"NEXTLABEL_API_KEYS_FILE .* NEXTLABEL_AUTH=off"):
        check_access(Settings(), host)
    check_access(Settings(auth="off"), host)
    file.create("anna", BOTH)
    check_access(Settings(api_keys_file=file.path), host)


def test_a_container_is_judged_by_where_it_is_published():
    check_access(Settings(published_at="127.0.0.1:5000"), "0.0.0.0")
    check_access(Settings(published_at="[::1]:5000"), "0.0.0.0")
    for published_at in ("0.0.0.0:5000", "5000", "[::]:5000", "gpubox.invalid:80"):
        with pytest.raises(Misconfigured):
            check_access(Settings(published_at=published_at), "127.0.0.1")


def test_the_host_of_an_address():
    assert [host_of(a) for a in ("a:1", "[::1]:1", "5000", "")] == ["a", "::1", "", ""]


def test_keys_and_their_absence_at_once_are_a_contradiction(file):
    with pytest.raises(ValueError, match="contradict each other"):
        Settings(auth="off", api_keys_file=file.path)
