import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.neural.folds import stratified_folds


@given(counts=st.lists(st.integers(1, 7), min_size=2, max_size=6), folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_each_class_is_in_each_training_part_and_the_folds_are_stratified(counts, folds, seed):
    targets = np.repeat(np.arange(len(counts)), counts)
    fold = stratified_folds(targets, folds, seed, spare_single=True)
    for label, count in enumerate(counts):
        held_out = np.bincount(fold[targets == label] + 1, minlength=folds + 1)
        assert held_out[0] == (count == 1)
        assert held_out[1:].max() <= -(-count // folds)
        assert all(label in targets[fold != k] for k in range(folds))


def test_each_fold_has_its_share_of_every_class():
    fold = stratified_folds(np.repeat([0, 1], [50, 10]), 5, seed=0)
    for k in range(5):
        assert (np.flatnonzero(fold == k) < 50).sum() == 10
        assert (fold == k).sum() == 12
