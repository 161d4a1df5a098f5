import pytest

from nextlabel.client.terminal import echo, harmless


@pytest.mark.parametrize("mark", ["\x1b", "\x07", "\r", "\x9b", "\u061c", "\u200e", "\u202e", "\u2066"])
def test_what_a_terminal_obeys_is_written_out(mark):
    assert harmless(f"a{mark}b\tc\n") == f"a{mark.encode('unicode_escape').decode()}b\tc\n"


@pytest.mark.parametrize("err", [False, True])
def test_what_no_terminal_reads_has_names_as_they_are(capfd, err):
    echo("\x1b[31mcat", err=err)
    assert capfd.readouterr()[err] == "\x1b[31mcat\n"
