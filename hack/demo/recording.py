"""Puts what the demo showed into the README, between two marks."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console

from hack.demo.commands import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
WIDTH = 100
RULE = "─"


def console() -> Console:
    """A console that keeps what it prints, no wider than the README's reader can see at once."""
    return Console(highlight=False, record=True, width=WIDTH)


def write(shown: str) -> None:
    """Replaces what stands between the README's marks."""
    README.write_text(placed(README.read_text(), shown))


def placed(page: str, shown: str) -> str:
    """The page with this text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    block = "\n".join(shortened(shown.strip().splitlines()))
    return f"{before}{BEGIN}\n```text\n{block}\n```\n{END}{after}"


def recorded(page: str) -> str:
    """What stands between the page's marks, without the fence around it."""
    block = page.partition(BEGIN)[2].partition(END)[0].strip()
    return block.removeprefix("```text").removesuffix("```").strip("\n")


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
