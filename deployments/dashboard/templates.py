"""The templates as functions: values in, HTML out. Every value is escaped as it goes in."""

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Asset:
    """A static file."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """Names this content in the file's URL, so that a browser may keep it for ever."""
        return hashlib.sha256(self.data).hexdigest()[:12]


class Templates:
    """The templates and static files, read once."""

    def __init__(self) -> None:
        self.assets: Mapping[str, Asset] = {
            file.name: Asset(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "text/plain")
            for file in (_FOLDER / "static").iterdir()
            if file.is_file()
        }
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["asset"] = self._asset
        self._templates.filters |= {
            "duration": duration,
            "since": since,
            "moment": moment,
            "size": size,
            "words": words,
            "pretty": pretty,
            "surety": percentage,
        }

    def render(self, template: str, **values: Any) -> str:
        """Raises jinja2.UndefinedError when the template asks for a value that isn't given."""
        return self._templates.get_template(template).render(**values)

    def _asset(self, name: str) -> str:
        return f"/dashboard/static/{name}?{self.assets[name].digest}"


def duration(seconds: float | None) -> str:
    """12 ms, 1.4 s, 3 min 5 s, 2 h 10 min, 3 d 4 h; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        parts = (whole // 60, "min"), (whole % 60, "s")
    elif whole < 86_400:
        parts = (whole // 3600, "h"), (whole % 3600 // 60, "min")
    else:
        parts = (whole // 86_400, "d"), (whole % 86_400 // 3600, "h")
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def since(then: datetime | None, now: datetime) -> str:
    """How long ago, as a duration; a dash for None."""
    return "–" if then is None else duration((now - then).total_seconds())


def moment(value: datetime | None) -> str:
    """2026-01-10 12:00:05 UTC; a dash for None."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def size(count: float | None) -> str:
    """1.5 GiB; a dash for None."""
    if count is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def words(name: str) -> str:
    """receipt_extraction as a person says it."""
    return name.replace("_", " ").capitalize()


def pretty(value: Any) -> str:
    """JSON to be read."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def percentage(confidence: float | None) -> str:
    """The class of a confidence, 0 to 1: what is sure, what to look at, what to doubt."""
    if confidence is None:
        return "unknown"
    if confidence >= 0.9:
        return "high"
    return "medium" if confidence >= 0.7 else "low"
