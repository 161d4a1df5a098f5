import io

from rich.console import Console

from nextlabel.client.consoles import counting


def counted(*, terminal):
    text = io.StringIO()
    with counting("reading", 9, Console(file=text, width=80, force_terminal=terminal)) as look:
        look(4)
    return text.getvalue()


def test_what_is_counted_is_a_bar_on_a_terminal_and_nothing_in_a_pipe():
    assert "4/9" in counted(terminal=True)
    assert counted(terminal=False) == ""
