import pytest

from nextlabel.core.data.side_files import objects_in
from nextlabel.core.errors import LabelsMalformed


def test_a_key_that_stands_twice_is_told_and_not_called_bad_json():
    with pytest.raises(LabelsMalformed, match=r"^notes\.json: the key 'name' stands twice in one object; mend it"):
        objects_in(b'[{"name": "a", "name": "b"}]', "notes.json", most_bytes=100, like="{}")
