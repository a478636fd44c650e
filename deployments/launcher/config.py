"""Reads and validates serve_config.yaml for the launcher."""

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_settings import SettingsError

from sidecar.core.settings import PREFIX, Settings, env_names

SERVICE: Final = "sidecar"  # the application that serves HTTP
INGRESS: Final = "Ingress"  # its deployment that receives the requests
ENGINE: Final = "engine"  # the applications that the launcher doesn't wait for
VISION: Final = "vision"
#: Concurrent requests of an ingress replica that are reserved for health checks.
HEALTH_CHECK_RESERVE: Final = 8


class ConfigError(Exception):
    """The configuration is invalid; the message tells its author why."""


@dataclass(frozen=True)
class LauncherConfig:
    """A configuration of Ray Serve, and the values that the launcher reads from it."""

    serve: dict[str, Any]
    settings: Settings
    host: str
    port: int
    #: Requests HAProxy sends to one ingress replica at once. Equals `max_queued_requests`, because
    #: Serve counts every request of a burst as queued until its event loop accepts it.
    max_requests_per_replica: int


def load_config(path: Path, *, host: str | None = None) -> LauncherConfig:
    """Read the configuration; `host`, if given, overrides its own. Raises ConfigError."""
    try:
        serve = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    try:
        http = serve.setdefault("http_options", {})
        if host is not None:
            http["host"] = host
        [service] = [app for app in serve["applications"] if app["name"] == SERVICE]
        arguments = service.get("args") or {}
        [ingress] = [item for item in service["deployments"] if item["name"] == INGRESS]
        ongoing, queued = (ingress.get(f"max_{kind}_requests") for kind in ("ongoing", "queued"))
        address = str(http.get("host", "127.0.0.1")), int(http.get("port", 8000))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is not a configuration of this service: applications with their "
            f"deployments, the application {SERVICE} with its {INGRESS} among them."
        ) from error
    if not all(isinstance(limit, int) and limit > 0 for limit in (ongoing, queued)):
        raise ConfigError(
            f"{path} must limit {INGRESS}: max_ongoing_requests and max_queued_requests, both "
            "above 0. Without limits a busy service stops responding."
        )
    if queued <= HEALTH_CHECK_RESERVE:
        raise ConfigError(
            f"{path} allows {INGRESS} {queued} requests at a time (max_queued_requests), of which "
            f"{HEALTH_CHECK_RESERVE} are reserved for health checks."
        )
    settings = load_settings(arguments)
    return LauncherConfig(serve, settings, *address, max_requests_per_replica=queued)


def load_settings(arguments: dict[str, Any]) -> Settings:
    """Return the settings of an application's arguments and the environment. Raises ConfigError."""
    unknown = [name for name in os.environ if name.startswith(PREFIX) and name not in env_names()]
    if unknown:
        raise ConfigError("; ".join(map(_unknown_variable, unknown)))
    try:
        return Settings(**arguments)
    except ValidationError as error:
        # Omits the values, which may be secrets.
        problems = [
            f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
    except (SettingsError, ValueError):
        problems = ["a variable that must be JSON is not valid JSON."]
    except TypeError as error:
        problems = [str(error)]
    raise ConfigError("Wrong settings. " + "; ".join(problems))


def _variable(location: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{'_'.join(map(str, location))}".upper()


def _unknown_variable(name: str) -> str:
    similar = get_close_matches(name, env_names(), n=1)
    return f"{name} is not a setting" + (f"; did you mean {similar[0]}?" if similar else ".")
