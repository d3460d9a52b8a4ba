"""The blocks of code on the pages of the documentation, and which of them say that they are not executed."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_NOT_EXECUTED = re.compile(r"<!-- not executed: (.+) -->")
_NONE_OF_THE_PAGE = re.compile(r"^<!-- no block of this page is executed: (.+) -->$", re.M)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: the word after the fence.
        text: its lines.
        sections: titles of the headings above it, from the page's title on.
        reason: why it is not executed, or "".
    """

    language: str
    text: str
    sections: tuple[str, ...]
    reason: str

    def is_below(self, section: str) -> bool:
        """Whether it stands in a section; "" is the whole page."""
        return not section or section in self.sections


def blocks(page: pathlib.Path) -> list[Block]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    of_page = _NONE_OF_THE_PAGE.search(text)
    found, titles, body, language, before = [], {}, None, "", ""
    for line in text.splitlines():
        if body is not None:
            if line.startswith("```"):
                mark = _NOT_EXECUTED.fullmatch(before)
                reason = mark[1] if mark else of_page[1] if of_page else ""
                found.append(Block(language, "".join(body), tuple(titles.values()), reason))
                body, before = None, ""
            else:
                body.append(line + "\n")
        elif line.startswith("```"):
            body, language = [], line[3:].strip()
        elif heading := re.match(r"(#+) (.+)", line):
            titles = {level: title for level, title in titles.items() if level < len(heading[1])}
            titles[len(heading[1])] = heading[2]
            before = ""
        elif line.strip():
            before = line.strip()
    return found


def lines_of(page: str, language: str = "sh", section: str = "") -> list[str]:
    """The lines of the blocks that a test executes, those that end in a backslash joined to the next."""
    chosen = [
        one.text for one in blocks(ROOT / page) if one.language == language and one.is_below(section) and not one.reason
    ]
    return "".join(chosen).replace("\\\n", "").splitlines()
