import pytest

from nextlabel.core.errors import StoreRefused, StoreUnavailable
from nextlabel.worker import patience
from nextlabel.worker.patience import insist


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(patience, "RETRY_EVERY_S", 0)


def test_a_redis_that_is_away_is_waited_for():
    answers = iter([StoreUnavailable("away"), StoreUnavailable("away"), "ok"])

    def write():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert insist(write) == "ok"


def test_what_redis_refuses_is_not_asked_for_again():
    asked = []

    def write():
        asked.append(1)
        raise StoreRefused("WRONGTYPE")

    with pytest.raises(StoreRefused):
        insist(write)
    assert len(asked) == 1
