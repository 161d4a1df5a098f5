"""Which positions learn which box, by hand."""

from __future__ import annotations

import torch

from nextlabel.core.neural.detection.network import positions
from nextlabel.core.neural.detection.targets import assign, iou
from nextlabel.core.neural.detection.training import generalised_iou

CENTRES, STRIDES = positions(64, 64)  # 64 + 16 + 4 positions


def given(*boxes, classes=None, found=None):
    """found: what the network says at each position; left out, boxes of its stride around each."""
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    found = torch.cat([CENTRES, STRIDES[:, None].expand(-1, 2) * 2], 1) if found is None else found
    n = len(CENTRES)
    class_of = torch.tensor(classes or [0] * len(boxes))
    return assign(found, torch.zeros(n), torch.zeros(n, 2), CENTRES, STRIDES, boxes, class_of)


def test_positions_stand_in_the_middle_of_their_part_of_the_image():
    assert len(CENTRES) == 84
    assert CENTRES[0].tolist() == [4, 4]
    assert CENTRES[-1].tolist() == [48, 48]
    assert STRIDES.unique().tolist() == [8, 16, 32]


def test_a_box_is_learnt_near_its_centre_and_at_least_once():
    assigned = given([20, 20, 16, 16])
    off = (CENTRES[assigned.positions] - 20).abs().max()
    assert len(assigned.positions) >= 1
    assert off <= 8
    assert set(assigned.boxes.tolist()) == {0}


def test_a_position_learns_one_box():
    assigned = given([20, 20, 16, 16], [22, 20, 16, 16])
    assert len(assigned.positions.unique()) == len(assigned.positions)


def test_without_a_box_nothing_is_assigned():
    assert len(given().positions) == 0


def test_overlaps_by_hand():
    boxes = torch.tensor([[5.0, 5, 10, 10]]), torch.tensor([[10.0, 5, 10, 10], [105, 5, 10, 10], [5, 5, 10, 10]])
    assert torch.allclose(iou(*boxes), torch.tensor([[1 / 3, 0, 1]]))


def test_the_generalised_overlap_tells_how_far_apart_boxes_lie():
    a = torch.tensor([[5.0, 5, 10, 10]]).expand(3, -1)
    b = torch.tensor([[5.0, 5, 10, 10], [25, 5, 10, 10], [95, 5, 10, 10]])
    same, near, far = generalised_iou(a, b).tolist()
    assert same == 1
    assert abs(near - -(300 - 200) / 300) < 1e-6
    assert far < near < 0
