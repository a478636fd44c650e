"""Renders the Jinja templates, which escape every value, and holds the static files."""

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
        """The content's digest in the file's URL, which lets browsers cache it forever."""
        return hashlib.sha256(self.data).hexdigest()[:12]


class Templates:
    """The templates and static files, loaded once."""

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
            "timestamp": timestamp,
            "size": size,
            "humanize": humanize,
            "pretty": pretty,
            "confidence_level": confidence_level,
        }

    def render(self, template: str, **values: Any) -> str:
        """Return the HTML. Raises jinja2.UndefinedError when the template lacks a value."""
        return self._templates.get_template(template).render(**values)

    def _asset(self, name: str) -> str:
        return f"/dashboard/static/{name}?{self.assets[name].digest}"


def duration(seconds: float | None) -> str:
    """Format as 12 ms, 1.4 s, 3 min 5 s, 2 h 10 min or 3 d 4 h; None as a dash."""
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
    """Format the time from `then` to `now` as a duration; None as a dash."""
    return "–" if then is None else duration((now - then).total_seconds())


def timestamp(value: datetime | None) -> str:
    """Format as 2026-01-10 12:00:05 UTC; None as a dash."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def size(count: float | None) -> str:
    """Format as 1.5 GiB; None as a dash."""
    if count is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def humanize(name: str) -> str:
    """Format receipt_extraction as Receipt extraction."""
    return name.replace("_", " ").capitalize()


def pretty(value: Any) -> str:
    """Format as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def confidence_level(confidence: float | None) -> str:
    """Return the CSS class of a confidence from 0 to 1."""
    if confidence is None:
        return "unknown"
    if confidence >= 0.9:
        return "high"
    return "medium" if confidence >= 0.7 else "low"
