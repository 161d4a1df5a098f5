import numpy as np

from nextlabel.core.pipelines.fits import Fitter
from nextlabel.core.tasks.registry import CLASSIFICATION


def test_a_head_of_some_classes_listens_to_the_names_of_those(bench):
    rng = np.random.default_rng(0)
    names = np.eye(3, 8, dtype=np.float32)
    targets = np.tile([0, 2], 10)
    X = (names[targets] + 0.3 * rng.normal(size=(20, 8))).astype(np.float32)
    fitter = Fitter("linear", CLASSIFICATION, 0, bench.run, names=names)
    for _ in range(2):  # the second takes the strength over
        fit = fitter.train(X, targets, 3)
        assert fit.head.names.tolist() == names[[0, 2]].tolist()
        assert fit.head.details["names"] > 0
        assert fit.predict(X).tolist() == targets.tolist()
