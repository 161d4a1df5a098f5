"""`nextlabel up` and `nextlabel demo`: run the whole stack on this machine."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from gettext import gettext as _
from importlib.util import find_spec
from pathlib import Path

import click

from nextlabel.client.consoles import Out
from nextlabel.client.demo import Demo, Material
from nextlabel.client.http import Client
from nextlabel.client.paths import OwnPath
from nextlabel.core.keys import check_access
from nextlabel.core.settings import Settings

console = Out()
EXISTING = OwnPath(exists=True, resolve_path=True)
DEMO_HUB_TIMEOUT_S = "4"
SERVICE_IMPORTS = ("redis", "fastapi", "torch")  # what the API and the workers need, and the command alone does not


class NotInstalled(click.ClickException):
    """Something that the command needs is not installed; the message says how to get it."""

    exit_code = 2


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 (:: for IPv6) to be reached from other machines."
)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. Default: one for each GPU, one without.")
def up(host: str, port: int, workers: int | None) -> None:
    """Run the whole stack on this machine until Ctrl-C: Redis, the API and workers.

    Settings are NEXTLABEL_* environment variables (docs/settings.md). Without NEXTLABEL_DATA_ROOTS, the current folder
    is the one that requests may name paths under.
    """
    _require_the_service()
    from nextlabel.client.stack import Stack  # noqa: PLC0415 - it imports redis, which the other commands do without

    settings = Settings()
    check_access(settings, host)
    environment = local_settings(settings)
    for stop in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job begins with it ignored
        signal.signal(stop, signal.default_int_handler)
    console.print(_("starting …"))

    def tell(why: str) -> None:
        console.print(_("still starting: {why}").format(why=why), soft_wrap=True)

    with suppress(KeyboardInterrupt), Stack(environment, host=host, port=port, workers=workers, tell=tell) as stack:
        console.print(
            _("nextlabel is up: {url} is the page, {url}/docs the interface   Ctrl-C ends it").format(url=stack.url),
            soft_wrap=True,
        )
        console.print(_("data roots: {roots}").format(roots=environment["NEXTLABEL_DATA_ROOTS"]), soft_wrap=True)
        try:
            stack.wait()
        finally:
            console.print(_("stopping; running jobs go back to the queue …"))
    console.print(_("stopped"))


@click.command()
@click.option("--pool", type=EXISTING, help="Folder of images. Default: scikit-learn's handwritten digits.")
@click.option("--labels", type=EXISTING, help="The answers for the pool, as a labels file or folder.")
@click.option("--val", type=EXISTING, help="Folder of validation images.")
@click.option("--val-labels", type=EXISTING, help="Their labels.")
@click.option("--add", type=click.IntRange(min=1), help="Labels a round. Default: by the number of classes.")
@click.option(
    "--folder",
    type=OwnPath(resolve_path=True),
    default="nextlabel-demo",
    show_default=True,
    help="For what it writes.",
)
def demo(
    pool: Path | None, labels: Path | None, val: Path | None, val_labels: Path | None, add: int | None, folder: Path
) -> None:
    """Do the main job on real images, start to end, with nothing to set up and nothing left running."""
    _require_the_service()
    from nextlabel.client.stack import Stack, free_port  # noqa: PLC0415 - as above

    given = [pool, labels, val, val_labels]
    if any(given) and not all(given):
        raise click.UsageError(_("--pool, --labels, --val and --val-labels belong together"))
    folder.mkdir(parents=True, exist_ok=True)
    material = Material(pool, labels, val, val_labels) if pool and labels and val and val_labels else _digits(folder)
    material.check()
    environment = _demo_settings(folder, material)
    console.print(_("starting Redis, the API and a worker …"))
    with (
        Stack(environment, port=free_port(), log=folder / "log.txt", own_redis=True) as stack,
        Client(stack.url) as client,
    ):
        demonstration = Demo(client, material, folder, console)
        demonstration.tell(demonstration.run(add))
    console.print(_("Everything is stopped again."))


def _require_the_service() -> None:
    """Raise NotInstalled where `pip install nextlabel` was all: it brings the client and the command."""
    if not all(map(find_spec, SERVICE_IMPORTS)):
        raise NotInstalled(
            _('the API and the workers are not installed here, as they take 6 GB: pip install "nextlabel[local]"')
        )


def local_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that `up` runs with: the environment's, and this folder where nothing is set."""
    roots = os.environ.get("NEXTLABEL_DATA_ROOTS") or str(Path.cwd())
    return {
        "NEXTLABEL_DATA_ROOTS": roots,
        "NEXTLABEL_STATE_DIR": str(settings.state_dir),
        "NEXTLABEL_CACHE_DIR": str(settings.cache_dir),
        "NEXTLABEL_WEIGHTS_DIR": str(settings.weights_dir or Path(".nextlabel/weights").absolute()),
    }


def _demo_settings(folder: Path, material: Material) -> dict[str, str]:
    places = (material.pool, material.answers, material.val, material.val_labels, folder)
    roots = dict.fromkeys(str(place if place.is_dir() else place.parent) for place in places)
    return {
        "NEXTLABEL_DATA_ROOTS": os.pathsep.join(roots),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_HUB_TIMEOUT_S": DEMO_HUB_TIMEOUT_S,
        # On loopback, and gone in a minute: no key is asked for, whatever is set for another stack.
        "NEXTLABEL_API_KEYS_FILE": "",
        "NEXTLABEL_PUBLISHED_AT": "",
    }


def _digits(folder: Path) -> Material:
    from nextlabel.client.digits import write_digits  # noqa: PLC0415 - scikit-learn is slow to import and not for the client

    digits = folder / "digits"
    if not (digits / "labels_val.txt").exists():
        write_digits(digits)
    return Material(digits / "pool", digits / "answers.txt", digits / "val", digits / "labels_val.txt")
