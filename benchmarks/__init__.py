"""What nextlabel is worth and how fast it is, measured: each module is a command."""

from pathlib import Path

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"  #: real photos with labels, and real weights
