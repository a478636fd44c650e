"""The bodies of webhooks.

Keys are sorted and nothing is escaped that JSON allows as it is: Elixir's standardwebhooks verifies
what it encodes again from the parsed body, which then has the same bytes.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def message(type_: str, moment: datetime, data: Mapping[str, Any]) -> bytes:
    """Return the JSON of an event of that type, `moment` being when it happened."""
    timestamp = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = {"type": type_, "timestamp": timestamp, "data": data}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
