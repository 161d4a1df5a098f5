"""Calibration: the temperature that logits are divided by, so that confidence matches accuracy."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from nextlabel.core.neural.training import Floats, Integers

TEMPERATURES = (0.25, 20.0)
MIN_HELD_OUT = 50  # images; fewer say too little about a temperature, or about the strength of a regularisation


def best_temperature(logits: Floats, targets: Integers) -> tuple[float, float]:
    """Return the temperature within TEMPERATURES of the least mean cross-entropy, and that cross-entropy in nats.

    logits: (N, C); targets: (N,). Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    rows = np.arange(len(targets))

    def nll(log_temperature: float) -> float:
        log_p = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(log_p[rows, targets].mean(dtype=np.float64))

    found = minimize_scalar(nll, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
