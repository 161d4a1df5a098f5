"""Which positions learn which box, by hand."""

from __future__ import annotations

import torch

from nextlabel.core.neural.detection.network import positions
from nextlabel.core.neural.detection.targets import assign, iou
from nextlabel.core.neural.detection.training import generalised_iou, iou_of_pairs, quality_focal_loss

CENTRES, STRIDES = positions(64, 64)  # 64 + 16 + 4 positions


def given(*boxes):
    return assign(CENTRES, STRIDES, torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))


def test_positions_stand_in_the_middle_of_their_part_of_the_image():
    assert len(CENTRES) == 84
    assert CENTRES[0].tolist() == [4, 4]
    assert CENTRES[-1].tolist() == [48, 48]
    assert STRIDES.unique().tolist() == [8, 16, 32]


def test_a_box_is_learnt_near_its_centre_and_at_least_once():
    assigned = given([20, 20, 16, 16])
    off = (CENTRES[assigned.positions] - 20).abs().max()
    assert len(assigned.positions) >= 1
    assert off < 8
    assert set(assigned.boxes.tolist()) == {0}


def test_a_position_learns_one_box():
    assigned = given([20, 20, 16, 16], [22, 20, 16, 16])
    assert len(assigned.positions.unique()) == len(assigned.positions)


def test_a_large_box_is_learnt_by_positions_that_see_much_and_a_tiny_one_by_the_nearest():
    assert STRIDES[given([32, 32, 60, 60]).positions].max() >= 16
    tiny = given([21, 20, 2, 2])
    assert CENTRES[tiny.positions].tolist() == [[20, 20]]


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
    assert iou_of_pairs(a, b).tolist() == [1, 0, 0]


def test_what_is_nearly_right_hardly_counts():
    logits, targets = torch.tensor([0.0, 0.0, -4.0]), torch.tensor([0.5, 0.0, 0.0])
    at_it, off, easy = quality_focal_loss(logits, targets).tolist()
    assert at_it == 0
    assert abs(off - 0.25 * 0.693147) < 1e-6
    assert easy < 1e-5
