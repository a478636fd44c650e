"""serve_config.yaml as the launcher needs it, and what is wrong with it in a sentence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from sidecar.core.settings import Settings

SERVICE: Final = "sidecar"  # the application that answers HTTP
INGRESS: Final = "Ingress"  # the deployment of it that callers reach
ENGINE: Final = "engine"  # the one that it doesn't wait for
#: What is left of a full ingress's places for its health; see haproxy.sh.
KEPT_FOR_HEALTH: Final = 8


class BadConfig(Exception):
    """What keeps a configuration from being run, in words for who wrote it."""


@dataclass(frozen=True)
class Config:
    """A configuration of Ray Serve, and what of it concerns its surroundings."""

    serve: dict[str, Any]
    settings: Settings
    host: str
    port: int
    #: Requests that a replica of the ingress takes at a time: as many as may wait in it, for of a
    #: burst Serve counts each as waiting until its loop comes to it.
    places: int


def read(path: Path, *, host: str | None = None) -> Config:
    """The configuration in that file, on another host where that is given. Raises BadConfig."""
    try:
        serve = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadConfig(f"{path} can't be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is not YAML: {error}") from error
    try:
        http = serve.setdefault("http_options", {})
        if host is not None:
            http["host"] = host
        [service] = [one for one in serve["applications"] if one["name"] == SERVICE]
        arguments = service.get("args") or {}
        [ingress] = [one for one in service["deployments"] if one["name"] == INGRESS]
        ongoing, places = (ingress.get(f"max_{what}_requests") for what in ("ongoing", "queued"))
        at = str(http.get("host", "127.0.0.1")), int(http.get("port", 8000))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadConfig(
            f"{path} is not a configuration of this service: applications with their "
            f"deployments, the application {SERVICE} with its {INGRESS} among them."
        ) from error
    if not all(isinstance(bound, int) and bound > 0 for bound in (ongoing, places)):
        raise BadConfig(
            f"{path} must bound what {INGRESS} takes: max_ongoing_requests and "
            "max_queued_requests, both above 0. Without bounds a busy service stops answering."
        )
    if places <= KEPT_FOR_HEALTH:
        raise BadConfig(
            f"{path} lets {INGRESS} take {places} requests at a time (max_queued_requests), of "
            f"which {KEPT_FOR_HEALTH} are for its health."
        )
    return Config(serve, _settings(arguments), *at, places=places)


def _settings(arguments: dict[str, Any]) -> Settings:
    try:
        return Settings(**arguments)
    except ValidationError as error:
        # Without the values, which may be secrets.
        wrong = [
            f"{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()
        ]
    except TypeError as error:
        wrong = [str(error)]
    raise BadConfig("Wrong settings. " + "; ".join(wrong))
