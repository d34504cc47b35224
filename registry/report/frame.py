"""The frame of every page: one file with its style in it, that loads nothing and runs nothing."""

from pathlib import Path

from markupsafe import Markup

from registry.report.markup import joined, tag

_FOLDER = Path(__file__).parent


def document(title: str, *body: object, styles: tuple[str, ...] = ("style.css",)) -> str:
    """Return a whole page of `body`; `styles` are files of this folder, in order: nothing that is shown is in them."""
    style = Markup("").join(Markup((_FOLDER / name).read_text(encoding="utf-8")) for name in styles)
    head = joined(
        [
            Markup('<head><meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            Markup('<link rel="icon" href="data:,">'),
            tag("title", title),
            tag("style", style),
            Markup("</head>"),
        ]
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"
