"""The number of a task's document in SQLite: 64 bits of its id, so that both have the same order and none is kept.

Of a UUID version 7 these are 44 bits of milliseconds, 12 of their fraction, the variant and 6 bits of chance: two
processes would have to make an id in the same 244 ns, and then be unlucky.
"""

from __future__ import annotations

import uuid

# The hexadecimal digits of the id, counted from 1, that make the number: all but the first, those of the version, and
# what is left to chance.
DIGITS = (*range(2, 13), *range(14, 19))
SIGN = 1 << 63


def rowid(key: uuid.UUID) -> int:
    """The number of that task's document."""
    number = (key.int >> 80 & (1 << 44) - 1) << 20 | (key.int >> 64 & 0xFFF) << 8 | (key.int >> 56 & 0xFF)
    return number - (SIGN << 1) if number & SIGN else number


def expression(column: str) -> str:
    """The same in SQLite's SQL, of a column that holds the id as 32 hexadecimal digits."""
    last = len(DIGITS) - 1
    # What is not found, 0, is the value of the digit 0.
    return " | ".join(f"(instr('123456789abcdef', substr({column}, {digit}, 1)) << {4 * (last - place)})"
                      for place, digit in enumerate(DIGITS))
