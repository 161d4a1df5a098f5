"""A short run of the chaos, with a fixed seed: `make chaos` and `make soak` run it for longer."""

from __future__ import annotations

import pytest

from tests.chaos.report import as_text
from tests.chaos.run import run


@pytest.mark.e2e
@pytest.mark.timeout(600)  # about 40 s of faults; workers that are killed take their time to come back
def test_no_accepted_job_is_lost_ends_twice_or_is_left_hanging_whatever_dies(tmp_path):
    violations, figures = run(tmp_path / "run", seed=1, seconds=40, workers=2, clients=4)
    assert violations == [], as_text(figures)
    assert figures["faults"]
    assert figures["jobs"]["succeeded"] > 9
