"""Charts as PNG: what is drawn as SVG, in pixels. It needs the extra `png`, and a font on this machine."""

from __future__ import annotations

from nextlabel.core.reports.charts import FONTS

PIXELS_PER_UNIT = 2  # sharp on a screen of twice the usual density, and on paper
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="32">{}</svg>'


def why_no_png() -> str | None:
    """Tell what is missing to make a PNG; None: nothing."""
    try:
        import resvg_py  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError:
        return "a PNG needs resvg-py: pip install 'nextlabel[png]'; an .svg needs nothing"
    words = f'<text y="24" font-family="{FONTS}">F1</text>'
    if png_of(BLANK.format(words)) == png_of(BLANK.format("")):
        return "there is no font on this machine that words could be written in (DejaVu Sans, say); name an .svg"
    return None


def png_of(svg: str) -> bytes:
    """Draw in pixels, on white."""
    import resvg_py  # noqa: PLC0415 - an extra

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, background="#ffffff", zoom=PIXELS_PER_UNIT))
