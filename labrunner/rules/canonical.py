"""One sequence of bytes for one JSON value: what a signature is over.

Keys sorted, no white space, UTF-8, the shortest number that reads back equal: RFC 8785 (JCS) for the values that are
ours, whose numbers Python writes as it reads them.
"""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """`value` (dictionaries, lists, text, numbers, booleans, None) as canonical JSON.

    Raises:
        ValueError: it holds NaN, infinity or a lone surrogate, which JSON cannot.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
