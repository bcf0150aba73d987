"""Text as words: the same for what is searched and for what is searched for, whichever database keeps it.

The databases would cut text in ways of their own (PostgreSQL knows addresses and numbers, SQLite another Unicode). So
both are given words that are cut here: letters and digits, without case, parted by everything else.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+")
# PostgreSQL keeps no longer words, and no more than 255 places of one.
LONGEST, MOST_PLACES = 64, 255


def words(text: str) -> list[str]:
    """The words of a text, in order; each cut to 64 characters."""
    text = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return [word[:LONGEST] for word in WORD.findall(text)]


def placed(found: Iterable[str]) -> list[str]:
    """The same without what neither database could find in a document: a word for more than the 255th time."""
    seen: Counter[str] = Counter()
    kept = []
    for word in found:
        seen[word] += 1
        if seen[word] <= MOST_PLACES:
            kept.append(word)
    return kept
