"""An executed notebook as one HTML page that needs nothing else: no script, no font, no link out of its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from registry.report.markup import joined, tag

_STYLE = Path(__file__).with_name("page.css")
_CODE = "code of this picture"


def to_html(notebook: Mapping[str, Any], series: str, names: Sequence[str], name: str) -> str:
    """Return the page of `name`, one of the notebooks `names` of a series that are linked at its top.

    Text is Markdown without HTML of its own; pictures lie inside the page; code is folded away.
    """
    cells = joined(_cell(cell) for cell in notebook["cells"])
    links = joined(_link(one, one == name) for one in names)
    kicker = "Simulated, never real" if series.startswith("SIM_") else "Assay notebooks"
    head = joined(
        [
            Markup('<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<link rel="icon" href="data:,">'),
            tag("title", f"{series}: {told(name)}"),
            tag("style", Markup(_STYLE.read_text(encoding="utf-8"))),
            Markup("</head>"),
        ]
    )
    top = tag("header", Markup(f'<p class="kicker">{escape(kicker)} · {escape(series)}</p>'), tag("nav", links))
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', top, cells)), lang='en')}\n"


def told(name: str) -> str:
    """Return a notebook's name for people.

    >>> told("05_backtest_and_honesty")
    '5 Backtest and honesty'
    """
    number, _, words = name.partition("_")
    return f"{int(number)} {words.replace('_', ' ').capitalize()}"


def _link(name: str, here: bool) -> Markup:
    if here:
        return tag("b", told(name))
    return Markup('<a href="{}.html">{}</a>').format(name, told(name))


def _cell(cell: Mapping[str, Any]) -> Markup:
    if cell["cell_type"] == "markdown":
        return _markdown(cell["source"])
    outputs = joined(_output(one) for one in cell.get("outputs", []))
    if not cell["source"].strip():
        return outputs
    folded = Markup('<details><summary>{}</summary><pre class="code">{}</pre></details>')
    return outputs + folded.format(_CODE if outputs else "code", cell["source"])


def _output(output: Mapping[str, Any]) -> Markup:
    """Return one output: the picture, the text or the table in it, whichever says most."""
    if output["output_type"] == "stream":
        return tag("pre", output["text"])
    data = output.get("data", {})
    if "image/png" in data:
        return Markup('<figure><img alt="" src="data:image/png;base64,{}"></figure>').format(data["image/png"].strip())
    if "text/markdown" in data:
        return tag("section", _markdown(data["text/markdown"]))
    if "text/html" in data:
        return Markup('<div class="scroll">{}</div>').format(Markup(data["text/html"]))  # pandas escapes what is in it
    return tag("pre", data.get("text/plain", ""))


def _markdown(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
