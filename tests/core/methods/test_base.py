from dataclasses import replace

import numpy as np
import pytest

from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.geometry import Geometry
from nextlabel.core.methods.registry import METHODS, parse_method
from tests.core.methods.pools import boxes_of


def inputs_of(n: int = 40) -> Inputs:
    """Each image four times, so that a batch takes several rounds."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(n, 5)).astype(np.float32).repeat(4, axis=0)
    return Inputs(
        candidates=np.arange(2, 4 * n),
        embeddings=embeddings,
        labelled=np.arange(2),
        targets=np.arange(2),
        logits=rng.normal(size=(4 * n, 3)).astype(np.float32),
        votes=rng.integers(3, size=(4, 4 * n)),
        reconstruction_errors=rng.random(4 * n).astype(np.float32),
        components=rng.integers(3, size=4 * n),
        boxes=boxes_of(4 * n, 3, rng),
    )


def test_a_copy_with_other_candidates_shares_the_geometry_and_one_with_other_embeddings_does_not():
    inputs = inputs_of()
    assert replace(inputs, candidates=np.arange(5), pending=np.arange(2)).geometry is inputs.geometry
    others = replace(inputs, embeddings=inputs.embeddings + 1)
    assert others.geometry.embeddings is others.embeddings
    assert len(replace(inputs, embeddings=None).geometry.embeddings) == 0


@pytest.mark.parametrize("name", METHODS)
def test_the_geometry_is_made_once_for_all_rounds_of_a_batch(name, monkeypatch):
    made = []
    make = Geometry.__init__

    def noted(self, embeddings):
        made.append(len(embeddings))
        make(self, embeddings)

    inputs = inputs_of()
    monkeypatch.setattr(Geometry, "__init__", noted)
    rounds = []
    choose(parse_method(name), inputs, 20, np.random.default_rng(0), check=lambda: rounds.append(None))
    assert made == []
    assert rounds


def test_near_copies_can_not_be_skipped_where_there_are_no_embeddings():
    with pytest.raises(ValueError, match="without embeddings"):
        choose(parse_method("random"), Inputs(candidates=np.arange(3)), 1, np.random.default_rng(0))
