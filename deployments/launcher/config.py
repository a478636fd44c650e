"""Reads serve_config.yaml for the launcher, and says in a sentence what is wrong with it."""

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_settings import SettingsError

from sidecar.core.settings import PREFIX, Settings, env_names

SERVICE: Final = "sidecar"  # the application that answers HTTP
INGRESS: Final = "Ingress"  # the deployment of it that callers reach
ENGINE: Final = "engine"  # the one that it doesn't wait for
#: Of the requests that an ingress replica is sent at once, those that are for health checks alone.
HEALTH_CHECK_RESERVE: Final = 8


class ConfigError(Exception):
    """The configuration can't be run; the message is for its author."""


@dataclass(frozen=True)
class LauncherConfig:
    """A configuration of Ray Serve, and the values that the launcher needs from it."""

    serve: dict[str, Any]
    settings: Settings
    host: str
    port: int
    #: Requests HAProxy sends to one ingress replica at once. Equals `max_queued_requests`, because
    #: Serve counts every request of a burst as queued until its event loop accepts it.
    max_requests_per_replica: int


def load_config(path: Path, *, host: str | None = None) -> LauncherConfig:
    """Read the configuration, with `host` in place of its own where given. Raises ConfigError."""
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
    if not all(isinstance(bound, int) and bound > 0 for bound in (ongoing, queued)):
        raise ConfigError(
            f"{path} must bound what {INGRESS} takes: max_ongoing_requests and "
            "max_queued_requests, both above 0. Without bounds a busy service stops answering."
        )
    if queued <= HEALTH_CHECK_RESERVE:
        raise ConfigError(
            f"{path} lets {INGRESS} take {queued} requests at a time (max_queued_requests), of "
            f"which {HEALTH_CHECK_RESERVE} are for health checks."
        )
    return LauncherConfig(serve, _settings(arguments), *address, max_requests_per_replica=queued)


def _settings(arguments: dict[str, Any]) -> Settings:
    unknown = [name for name in os.environ if name.startswith(PREFIX) and name not in env_names()]
    if unknown:
        raise ConfigError("; ".join(map(_unknown_variable, unknown)))
    try:
        return Settings(**arguments)
    except ValidationError as error:
        # Without the values, which may be secrets.
        problems = [f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors()]
    except (SettingsError, ValueError):
        problems = ["a variable that must be JSON is not."]
    except TypeError as error:
        problems = [str(error)]
    raise ConfigError("Wrong settings. " + "; ".join(problems))


def _variable(location: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{'_'.join(map(str, location))}".upper()


def _unknown_variable(name: str) -> str:
    similar = get_close_matches(name, env_names(), n=1)
    return f"{name} is not a setting" + (f"; did you mean {similar[0]}?" if similar else ".")
