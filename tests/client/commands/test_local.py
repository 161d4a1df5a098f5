"""What `nextlabel up` fills in."""

from pathlib import Path

import pytest

from nextlabel.client.commands.local import local_settings
from nextlabel.core.settings import Settings


@pytest.mark.parametrize(("said", "folder"), [(None, ".nextlabel/weights"), ("mine", "mine")])
def test_weights_are_looked_for_beside_the_other_files_unless_a_folder_is_said(monkeypatch, tmp_path, said, folder):
    monkeypatch.chdir(tmp_path)
    filled_in = local_settings(Settings(weights_dir=said and Path(said)))
    assert filled_in["NEXTLABEL_WEIGHTS_DIR"] == str(tmp_path / folder)
