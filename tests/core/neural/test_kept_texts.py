import pytest

from nextlabel.core.embeddings.catalogue import TEXT_SIDES, find_backbone
from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.neural.kept_texts import KeptTexts
from nextlabel.core.neural.texts import load_texts
from nextlabel.core.settings import Settings
from tests import text_side
from tests.core.neural.test_texts import TAUGHT
from tests.text_side import NAME


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setitem(TEXT_SIDES, NAME, text_side.SIDE)
    text_side.write(tmp_path, NAME, TAUGHT)
    return Settings(weights_dir=tmp_path, hub_timeout_s=0.1)


def ask(kept, texts, settings):
    """What is kept of those texts, and whether the network was loaded for it."""
    loaded = []

    def embed():
        loaded.append(True)
        return load_texts(find_backbone(NAME), settings).directions(texts)

    return kept.get(find_backbone(NAME), texts, settings, embed), bool(loaded)


def test_the_same_texts_load_the_network_once_and_others_or_other_files_again(settings, tmp_path):
    kept = KeptTexts()
    first, loaded = ask(kept, ["red"], settings)
    assert loaded
    again, loaded = ask(kept, ["red"], settings)
    assert (again, loaded) == (first, False)
    assert ask(kept, ["red", "a blue sky"], settings)[1]
    text_side.write(tmp_path, NAME, {text: -where for text, where in TAUGHT.items()})
    turned, loaded = ask(kept, ["red"], settings)
    assert loaded
    assert turned.units == pytest.approx(-first.units, abs=1e-3)
    assert turned.weights != first.weights


def test_a_hub_that_was_not_reached_is_remembered_until_the_files_are_there(settings, tmp_path):
    kept, file = KeptTexts(), tmp_path / f"{NAME}.text.model"
    content = file.read_bytes()
    file.unlink()
    assert kept.failed_lately(find_backbone(NAME), settings) is None
    with pytest.raises(WeightsUnavailable):
        ask(kept, ["red"], settings)
    assert "nobody/nothing" in kept.failed_lately(find_backbone(NAME), settings).detail
    file.write_bytes(content)
    assert kept.failed_lately(find_backbone(NAME), settings) is None
