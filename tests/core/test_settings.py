import base64
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from nextlabel.core.settings import Settings


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in list(os.environ):
        if name.startswith("NEXTLABEL_"):
            monkeypatch.delenv(name)


def test_without_an_environment_everything_has_a_default():
    settings = Settings()
    assert settings.data_roots == (Path("/datasets"),)
    assert settings.weights_dir is None
    assert (settings.lease_s, settings.renew_every_s) == (20.0, 4.0)


def test_roots_are_separated_as_path_is(monkeypatch):
    monkeypatch.setenv("NEXTLABEL_DATA_ROOTS", os.pathsep.join(["/a", "/b c", "", "/d"]))
    assert Settings().data_roots == (Path("/a"), Path("/b c"), Path("/d"))


def test_folders_become_absolute_and_a_tilde_is_home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("NEXTLABEL_DATA_ROOTS", "photos:~/photos")
    monkeypatch.setenv("NEXTLABEL_WEIGHTS_DIR", "weights")
    settings = Settings(state_dir="state")
    assert settings.data_roots == (tmp_path / "photos", Path("/home/ada/photos"))
    assert settings.weights_dir == tmp_path / "weights"
    assert settings.results_dir == tmp_path / "state" / "results"


def test_numbers_and_switches_are_read_from_the_environment(monkeypatch):
    for name, text in {"LEASE_S": "25.5", "BATCH_SIZE": "7", "LOG_JSON": "true"}.items():
        monkeypatch.setenv(f"NEXTLABEL_{name}", text)
    settings = Settings()
    assert (settings.lease_s, settings.batch_size, settings.log_json) == (25.5, 7, True)


def test_what_is_passed_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("NEXTLABEL_BATCH_SIZE", "7")
    assert Settings(batch_size=8).batch_size == 8


@pytest.mark.parametrize(
    ("name", "text"), [("LEASE_S", "0"), ("BATCH_SIZE", "-1"), ("BATCH_SIZE", "many"), ("MAX_UNREADABLE_FRACTION", "2")]
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(monkeypatch, name, text):
    monkeypatch.setenv(f"NEXTLABEL_{name}", text)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(lease="20")


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().batch_size = 3


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name):
    assert Settings.model_fields[name].description.endswith(".")


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.annotation is float])
def test_a_setting_that_is_a_length_of_time_has_its_unit_in_its_name(name):
    assert name.endswith(("_s", "_minutes", "_hours", "_days", "_fraction"))


def test_a_lease_that_one_late_renewal_would_lose_is_refused():
    with pytest.raises(ValidationError, match="NEXTLABEL_RENEW_EVERY_S must be a third of NEXTLABEL_LEASE_S at most"):
        Settings(lease_s=10, renew_every_s=4)


def test_a_log_level_may_be_in_small_letters_and_must_exist():
    assert Settings(log_level="debug").log_level == "DEBUG"
    with pytest.raises(ValidationError, match="'DEBUG', 'INFO', 'WARNING' or 'ERROR'"):
        Settings(log_level="loud")


def test_an_empty_weights_folder_is_none_and_not_the_current_one(monkeypatch):
    monkeypatch.setenv("NEXTLABEL_WEIGHTS_DIR", "")
    assert Settings().weights_dir is None


def encoded(size):
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize("size", [24, 32, 64])
def test_webhooks_are_signed_with_the_bytes_of_their_secret(monkeypatch, size):
    monkeypatch.setenv("NEXTLABEL_WEBHOOK_SECRET", f"whsec_{encoded(size)}")
    assert Settings().webhook_key == bytes(size)


@pytest.mark.parametrize("secret", [f"whsec_{encoded(23)}", f"whsec_{encoded(65)}", encoded(32), "whsec_*", "password"])
def test_any_other_secret_is_refused_with_how_to_make_one_and_is_not_printed(secret):
    with pytest.raises(ValidationError, match="make one with: echo whsec_") as refused:
        Settings(webhook_secret=secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_secret_webhooks_have_no_key(nothing):
    assert Settings(webhook_secret=nothing).webhook_key is None


def test_the_secret_of_webhooks_is_not_shown():
    assert encoded(32) not in repr(Settings(webhook_secret=f"whsec_{encoded(32)}"))


def test_a_fault_of_one_setting_does_not_print_another_that_is_secret():
    with pytest.raises(ValidationError) as caught:
        Settings(redis_url="redis://:secret@host/0", lease_s=5)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://:tu/na@h/0", "redis://:tu#na@h:1/0", "tuna", "http://:tuna@h"])
def test_an_address_of_redis_that_cannot_be_read_is_refused_without_its_password(url, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_REDIS_URL", url)
    with pytest.raises(ValidationError, match="special characters written as %XX") as told:
        Settings()
    assert "tu" not in str(told.value)


def test_the_password_of_redis_does_not_show_in_the_settings():
    assert "tuna" not in repr(Settings(redis_url="rediss://:tuna@h/0"))
