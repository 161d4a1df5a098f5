from nextlabel.core.neural.trainers import TRAINERS
from nextlabel.core.tasks.registry import CLASS_TASKS


def test_every_task_names_a_trainer_that_there_is_and_none_stands_idle():
    assert {task.trainer for task in CLASS_TASKS.values()} == TRAINERS.keys()
