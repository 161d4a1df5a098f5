import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nextlabel.client.commands.asking import COMMANDS
from nextlabel.client.commands.lazy import CommandGroup, LazyGroup
from nextlabel.client.commands.local import demo
from nextlabel.client.main import CANCELLED, CUT, DONE, FAILED, INTERRUPTED, NOT_TAKEN, SECTIONS, USAGE, cli
from nextlabel.client.stack import free_port
from nextlabel.core.data.roots import confine


def nextlabel(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "nextlabel.client.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_command_and_the_exit_codes():
    told = nextlabel("--help")
    assert told.returncode == 0
    assert {line.split()[0] for line in told.stdout.splitlines() if line.startswith("  ")} >= {
        *cli.list_commands(click.Context(cli)),
        *map(str, (DONE, FAILED, USAGE, NOT_TAKEN, CANCELLED, INTERRUPTED)),
    }


def commands(group, *above):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


@pytest.mark.parametrize("command", list(commands(cli)))
def test_every_command_and_every_option_has_help(command):
    told = CliRunner().invoke(cli, [*command, "--help"])
    assert told.exit_code == 0
    assert f"Usage: {' '.join(['cli', *command])}" in told.stdout
    context = click.Context(cli)
    found = cli
    for name in command:
        found = found.get_command(context, name)
    assert found.help
    own = [one for one in found.params if isinstance(one, click.Option) and one.name not in ("port", "help")]
    assert [one.name for one in own if not one.help and not one.hidden] == []


def test_a_command_that_is_added_is_listed_by_itself():
    group = LazyGroup("nextlabel", sections=SECTIONS)
    group.add_command(click.Command("more", help="Elsewhere."))
    told = CliRunner().invoke(group, ["--help"]).stdout
    assert told.endswith("More:\n  more  Elsewhere.\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell):
    told = nextlabel("completion", shell)
    assert told.returncode == 0
    assert "_NEXTLABEL_COMPLETE" in told.stdout


def test_the_tab_key_needs_none_of_what_the_stack_needs():
    asked = {"_NEXTLABEL_COMPLETE": "fish_complete", "COMP_WORDS": "nextlabel select --method ", "COMP_CWORD": "ma"}
    program = (
        "import sys; sys.argv[0] = 'nextlabel'\n"
        "import atexit; atexit.register(lambda: print(*sorted({name.partition('.')[0] for name in sys.modules})))\n"
        "from client.main import main; main()"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    *names, modules = told.stdout.splitlines()
    assert names == ["plain,maxherding", "plain,margin"]
    assert not {"redis", "celery", "structlog", "pydantic_settings", "torch"} & set(modules.split())


def test_what_the_demo_writes_can_be_looked_at_by_an_up_in_the_same_folder(tmp_path):
    folder = next(one.default for one in demo.params if one.name == "folder")
    (tmp_path / folder / "digits").mkdir(parents=True)
    assert confine(f"{folder}/digits", [tmp_path]) == tmp_path / folder / "digits"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://127.0.0.1:5000", "jobs"], "cli COMMAND --url"),
        (["--json", "jobs"], "cli COMMAND --json"),
        (["--head", "jobs"], "cli COMMAND --head"),
        (["labels", "--pool", "x", "check"], "cli labels COMMAND --pool"),
        (["export", "--pool", "x", "coco"], "cli export COMMAND --pool"),
    ],
)
def test_an_option_of_a_command_that_stands_before_it_is_told_where_it_goes(arguments, said):
    told = CliRunner().invoke(cli, arguments)
    assert told.exit_code == USAGE
    assert f"those of a command go after it: {said}" in told.output


def test_an_option_that_may_be_one_of_before_the_command_is_told_that_one_as_well():
    told = CliRunner().invoke(cli, ["--versio"])
    assert "those of a command go after it: cli COMMAND --versio" in told.output
    assert "Did you mean '--version'?" in told.output


def every_group(group):
    yield group
    for name in group.list_commands(click.Context(group)):
        if isinstance(command := group.get_command(click.Context(group), name), click.Group):
            yield from every_group(command)


def test_every_group_tells_where_the_options_of_its_commands_go():
    assert all(isinstance(group, CommandGroup) for group in every_group(cli))


def test_a_demo_of_ones_own_needs_all_four_paths(tmp_path):
    told = nextlabel("demo", "--pool", str(tmp_path))
    assert told.returncode == 2
    assert "--pool, --labels, --val and --val-labels belong together" in told.stderr


def test_an_api_that_is_not_there_is_one_line_and_no_traceback():
    told = nextlabel("cancel", "job_x", "--url", f"http://127.0.0.1:{free_port()}")
    assert told.returncode == NOT_TAKEN
    assert told.stderr.startswith("nextlabel: no answer from http://127.0.0.1:")
    assert told.stderr.count("\n") == 1


def in_a_shell(script, **environment):
    """Run a script in which `nextlabel` is the command; return its exit code, stdout and stderr, as bytes."""
    start = f'nextlabel() {{ "{sys.executable}" -m nextlabel.client.main "$@"; }}\n'
    ran = subprocess.run(
        ["bash", "-c", start + script], capture_output=True, check=False, env={**os.environ, **environment}
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_a_list_that_is_cut_ends_without_a_word_as_by_sigpipe(tmp_path):
    (tmp_path / "all.txt").write_text("".join(f"{i}.png\tcat\n" for i in range(20_000)))
    (tmp_path / "none.txt").touch()
    script = f"cd {tmp_path}; nextlabel labels diff none.txt all.txt | head -1; exit ${{PIPESTATUS[0]}}"
    assert in_a_shell(script) == (CUT, b"+ 0.png\tcat\n", b"")
    closed = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.execv(sys.executable, sys.argv[1:])"
    for words in ("--help", "labels --help"):
        script = f"""{sys.executable} -c '{closed}' {sys.executable} -m nextlabel.client.main {words}"""
        assert in_a_shell(script) == (CUT, b"", b"")


@pytest.mark.parametrize(
    ("to", "why"),
    [(">&-", b"nextlabel: Bad file descriptor\n"), (">/dev/full", b"nextlabel: No space left on device\n")],
)
def test_what_can_not_be_written_to_stdout_is_one_line(tmp_path, to, why):
    (tmp_path / "a.txt").write_text("a.png\tcat\n")
    code, _, told = in_a_shell(f"cd {tmp_path}; nextlabel labels stats a.txt {to}")
    assert (code, told.endswith(why), told.count(b"\n") <= 2) == (FAILED, True, True), told


def test_what_needs_no_stdout_does_without_one_and_without_a_stderr(tmp_path):
    (tmp_path / "a.txt").write_text("a.png\tcat\n")
    assert in_a_shell(f"cd {tmp_path}; mkdir out; nextlabel labels convert a.txt out/b.csv <&- >&- 2>&-")[0] == DONE
    assert (tmp_path / "out" / "b.csv").read_text() == "name,class\na.png,cat\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (r"select $'caf\xe9' -n 3", USAGE, rb"'caf\udce9' is no UTF-8, and can't be sent: rename it"),
        (r"paces $'caf\xe9'", USAGE, rb"'caf\udce9' is no UTF-8, and can't be sent: rename it"),
        (r"jobs $'caf\xe9'", USAGE, rb"'caf\udce9' is no UTF-8, and can't be sent: rename it"),
        (r"jobs --url $'http://caf\xe9'", NOT_TAKEN, b"is no address"),
        ("jobs --api-key ключ", USAGE, b"the API key (--api-key or NEXTLABEL_API_KEY) is none: keys are ASCII"),
        ("jobs --api-key $'a\nb'", USAGE, b"the API key (--api-key or NEXTLABEL_API_KEY) is none: keys are ASCII"),
    ],
)
def test_what_can_not_be_sent_is_one_line_and_no_key_is_told(words, code, said):
    ended, _, told = in_a_shell(f"nextlabel {words}", NEXTLABEL_URL=f"http://127.0.0.1:{free_port()}")
    assert (ended, said in told, told.count(b"\n")) == (code, True, 1), told
    assert "ключ".encode() not in told


def test_what_a_terminal_can_not_show_is_one_line_with_the_remedy(tmp_path):
    (tmp_path / "a.txt").write_text("a.png\tкот\n")
    code, _, told = in_a_shell(f"cd {tmp_path}; nextlabel labels stats a.txt", PYTHONIOENCODING="ascii")
    assert (code, b"written as ascii" in told, b"PYTHONIOENCODING=utf-8" in told) == (FAILED, True, True), told


def test_the_page_about_it_names_every_command_and_exit_code():
    root = Path(__file__).resolve().parents[2]
    page, readme = (root / "docs" / "command-line.md").read_text(), (root / "README.md").read_text()
    named = [" ".join(command) for command in commands(cli) if command[0] not in ("keys", "demo", *COMMANDS)]
    assert [name for name in named if f"nextlabel {name}" not in page] == []
    assert [name for name in COMMANDS if f"`nextlabel {name} " not in readme] == []  # as the page says
    codes = (DONE, FAILED, USAGE, NOT_TAKEN, CANCELLED, INTERRUPTED, CUT)
    assert [code for code in codes if f"\n| {code} | " not in page] == []
