from typing import ClassVar, Literal

import numpy as np
import pytest

from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import Inputs, Method, Need, Picks, Preparation
from nextlabel.core.methods.reasons import ImageCode
from nextlabel.core.pipelines.selection import carry_out
from nextlabel.core.pipelines.supplies import SUPPLIERS


class Newcomer(Method):
    """A method that nobody has heard of: it picks the first of the candidates, and looks at nothing."""

    name: Literal["newcomer"] = "newcomer"
    summary: ClassVar[str] = "The first."
    use: ClassVar[str] = "Here."
    source: ClassVar[str] = "this test"
    reason: ClassVar[ImageCode] = "chance"

    epochs: int = 1

    @property
    def preparation(self) -> Preparation:
        return Preparation(epochs=self.epochs, passes=5)

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert all(getattr(inputs, need) is not None for need in self.needs)
        return Picks(inputs.candidates[:add], np.zeros(add))


#: The others are of boxes, which the pipeline of these looks for itself.
OF_CLASSES = [need for need in Need if need not in {Need.BOXES, Need.DESCRIBED_BOXES}]


def newcomer_that_needs(*needs: Need, **more) -> Method:
    return type("Newcomer", (Newcomer,), {"needs": frozenset(needs)})(**more)


def select_with(bench, method: Method):
    """Six images of two classes, four of them labelled."""
    names = bench.pool(red=3, blue=3)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png")
    asked = {"path_to_img": str(bench.root / "pool"), "path_to_labels": labels, "add": 2, "backbone": "descriptor"}
    request = SelectionRequest.model_validate(asked).model_copy(update={"method": method})
    bench.run = bench.new_run()
    result = carry_out(request, bench.run)
    assert set(result.data) == set(names) - {"red_0.png", "red_1.png", "blue_0.png", "blue_1.png"}
    return result


def test_every_need_has_a_supplier():
    assert set(SUPPLIERS) == set(OF_CLASSES)


@pytest.mark.parametrize("need", OF_CLASSES)
def test_a_method_that_nobody_has_heard_of_is_supplied_with_what_it_declares(bench, need):
    result = select_with(bench, newcomer_that_needs(need))
    assert result.method.name == "newcomer"


def test_a_method_may_need_everything_at_once_and_done_never_goes_back(bench, every_step_is_told):
    select_with(bench, newcomer_that_needs(*OF_CLASSES))
    done = [progress.done for progress in bench.told if progress.stage == "prepare"]
    assert done == sorted(done)


def test_a_network_is_trained_for_as_many_epochs_as_the_method_says(bench, every_step_is_told):
    select_with(bench, newcomer_that_needs(Need.RECONSTRUCTION_ERRORS, epochs=3))
    assert {progress.total for progress in bench.told if progress.stage == "prepare"} == {None, 3}


@pytest.mark.parametrize("need", [need for need in OF_CLASSES if need.least_classes])
def test_before_it_can_be_supplied_any_method_gives_way(bench, need):
    bench.pool(red=3)
    asked = {"path_to_img": str(bench.root / "pool"), "add": 2, "backbone": "descriptor"}
    request = SelectionRequest.model_validate(asked).model_copy(update={"method": newcomer_that_needs(need)})
    assert carry_out(request, bench.new_run()).method.name == "maxherding"
