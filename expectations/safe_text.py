"""Error texts of databases quote the cell that broke them; a verdict and its page must not.

Kept: the kind of error and its words up to the first quoted token that is no known column, runs of digits and
of non-ASCII letters (names) taken out. Lost: detail; whoever may see the data finds it by running the query.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_QUOTED = re.compile(r"""(["'`])(.*?)\1""")
_VALUE_LIKE = re.compile(r"\d{4,}|[^\x00-\x7f]+")
MAX_LENGTH = 200


def describe_error(kind: str, message: str, known_words: Collection[str] = ()) -> str:
    """Return one line about an error that shows no cell value; ``known_words`` (columns) may stay quoted."""
    lines = message.strip().splitlines()
    line = lines[0] if lines else ""
    kept = len(line)
    for match in _QUOTED.finditer(line):
        if match.group(2) not in known_words:
            kept = match.start()
            break
    text = _VALUE_LIKE.sub("…", line[:kept]).rstrip(" :(\"'`")
    if kept < len(line):
        text += " …"
    return f"{kind}: {text[:MAX_LENGTH]}".rstrip(": ")
