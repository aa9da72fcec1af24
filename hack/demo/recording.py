"""Puts what the demo showed into the README, between two marks: the first act open, the others folded."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console

from hack.demo.commands import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
WIDTH = 100
RULE = "─"
FOLDED = "What comes next: a start as late as the budget allows, and a request to a model at zero"


def console() -> Console:
    """A console that keeps what it prints, no wider than the README's reader can see at once."""
    return Console(highlight=False, record=True, width=WIDTH)


def write(shown: str) -> None:
    """Replaces what stands between the README's marks."""
    README.write_text(placed(README.read_text(), shown))


def placed(page: str, shown: str) -> str:
    """The page with this text between its marks: the first act open, the others folded."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = list(shortened(shown.strip().splitlines()))
    headings = [number for number, line in enumerate(lines) if line.startswith(RULE)]
    second = headings[1] if len(headings) > 1 else len(lines)
    block = _fenced(lines[:second])
    if second < len(lines):
        block += f"\n\n<details><summary>{FOLDED}</summary>\n\n{_fenced(lines[second:])}\n\n</details>"
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def recorded(page: str) -> str:
    """What stands between the page's marks, without the fences and the fold around it."""
    block = page.partition(BEGIN)[2].partition(END)[0]
    return "\n".join(
        act.strip("\n") for act in re.findall(r"^```text\n(.*?)^```$", block, re.DOTALL | re.MULTILINE)
    )


def _fenced(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def shortened(lines: Sequence[str]) -> Iterator[str]:
    """Without those lines of a timeline in which only the length of the queue is new."""
    last = ""
    for line in lines:
        shows = re.search(r"(→ \w+ +)?[●◌·]+ \d+ of \d+ ready.*", line)
        if shows and shows[0] == last:
            continue
        if shows or line.startswith(RULE):
            last = shows[0] if shows else ""
        yield line.rstrip()
