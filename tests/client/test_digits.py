from PIL import Image

from nextlabel.client.digits import write_digits
from nextlabel.core.tasks.classification import read_labels


def test_the_demos_pool_is_real_digits_each_with_its_answer(tmp_path):
    write_digits(tmp_path)
    pool, val = (read_labels(tmp_path / name).classes_by_name for name in ("answers.txt", "labels_val.txt"))
    assert len(pool) + len(val) == 1797
    assert not pool.keys() & val.keys()
    assert set(pool.values()) == set(val.values()) == set("0123456789")
    assert {path.name for path in (tmp_path / "pool").iterdir()} == pool.keys()
    with Image.open(tmp_path / "pool" / min(pool)) as digit:
        assert digit.size == (32, 32)
