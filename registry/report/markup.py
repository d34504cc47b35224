"""The elements that a report is built of; whatever is not markup already is escaped."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

NOTHING = Markup("")


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """Return an element; an attribute that is None is left out, `class_` and `font_size` are class and font-size.

    >>> tag("p", "5 < 6", class_="note")
    Markup('<p class="note">5 &lt; 6</p>')
    """
    given = NOTHING.join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), given, joined(content))


def joined(content: Iterable[object]) -> Markup:
    """Return what is in `content` one after the other."""
    return NOTHING.join(content)  # type: ignore[arg-type]  # it escapes whatever it is given


def section(identity: str, title: str, *body: object) -> Markup:
    """Return a section with its heading; one that holds a note alone is told in short."""
    said = str(joined(body))
    brief = said.startswith('<p class="note">') and said.find("</p>") == len(said) - len("</p>")
    return tag("section", tag("h2", title), *body, id=identity, class_="brief" if brief else None)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], words: Sequence[int] = (0,)) -> Markup:
    """Return a table that scrolls in a box of its own; the columns `words` are text, the others numbers."""
    kinds = ["word" if at in words else None for at in range(len(head))]
    heading = tag("tr", *(tag("th", cell, scope="col", class_=kind) for cell, kind in zip(head, kinds, strict=True)))
    body = [tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows]
    return tag("div", tag("table", tag("thead", heading), tag("tbody", *body)), class_="scroll", tabindex="0")


def grid(told: str, head: Sequence[object], rows: Iterable[tuple[Markup, Sequence[Markup]]], kind: str) -> Markup:
    """Return a table that scrolls as `table` does, of cells (`td`) made before; each row begins with its own heading.

    `told` says in words what it shows.
    """
    heading = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [tag("tr", first, *cells) for first, cells in rows]
    made = tag("table", tag("thead", heading), tag("tbody", *body), aria_label=told, class_=kind)
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=told)


def listed(lines: Iterable[object], ordered: bool = False) -> Markup:
    """Return a list."""
    return tag("ol" if ordered else "ul", *(tag("li", line) for line in lines))


def figure(title: str, drawing: object, caption: object = "") -> Markup:
    """Return a drawing with its title above and what it says below."""
    told = tag("p", caption, class_="caption") if caption else NOTHING
    return tag("figure", tag("figcaption", title), drawing, told)


def folded(title: str, *body: object) -> Markup:
    """Return what is opened on demand, and always printed."""
    return tag("details", tag("summary", title), *body)


def note(text: object) -> Markup:
    """Return a quiet line: why something is not there, or how to read what is."""
    return tag("p", text, class_="note")


def mark(passed: bool) -> Markup:
    """Return a word for passed or failed that does not lean on its colour."""
    return tag("span", "pass" if passed else "fail", class_="mark good" if passed else "mark bad")
