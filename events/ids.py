"""Time-ordered identifiers."""

import os
import threading
import time
import uuid
from datetime import datetime

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562, section 5.7) that is greater than every one made before in this process.

    48 bits of Unix time in milliseconds, then 12 bits of its fraction (method 3 of section 6.2), then 62 random bits.
    """
    global _last
    with _lock:
        now = time.time_ns()
        # 2**12 fractions a millisecond: 244 ns each. A clock that stands still or steps back must not undo the order.
        stamp = max((now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000), _last + 1)
        _last = stamp
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random
    return uuid.UUID(int=value)


def earliest(moment: datetime) -> uuid.UUID:
    """What no identifier made at `moment` or later is less than, and none made a millisecond before is greater."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
