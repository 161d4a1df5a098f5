import numpy as np
import pytest

from nextlabel.core.neural.heads.temperature import best_temperature


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_on_true_logits(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(20_000, 4))
    targets = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from their softmax
    temperature, nll = best_temperature((logits * factor).astype(np.float32), targets)
    assert temperature == pytest.approx(factor, rel=0.05)
    assert nll < np.log(4)
