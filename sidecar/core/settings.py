"""Every setting that is not about replicas, in one model of nested groups.

A setting is read from the environment variable that env_name names (`engine.max_tokens` is
SIDECAR_ENGINE_MAX_TOKENS), or from the application's `args` in serve_config.yaml, which wins.
Replicas, CPU and GPU shares, queue bounds and request timeouts are Ray Serve's own and live in
serve_config.yaml alone. docs/configuration.md is generated from this module.
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sidecar.core.renamed_settings import RenamedEnvironment, with_current_names
from sidecar.core.setting_groups import (
    ClassifierSettings,
    CommaSeparated,
    EmbeddingSettings,
    EngineSettings,
    JobSettings,
    MiB,
    PlannerSettings,
    QueueSettings,
    ReceiptSettings,
    RetentionSettings,
    SettingsGroup,
    TextSettings,
    WebhookSettings,
    WorkerSettings,
)

PREFIX: Final = "SIDECAR_"


def _check_token(token: SecretStr) -> SecretStr:
    """Check that the token is an RFC 6750 b64token, too long to be guessed."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,200}=*", token.get_secret_value()):
        raise ValueError("a token has 16 to 200 letters, digits or any of -._~+/")
    return token


ApiToken = Annotated[SecretStr, AfterValidator(_check_token)]


class Settings(BaseSettings):
    """The settings of one running service; frozen, so that every replica sees the same."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(
        Path("data"), description="Folder that holds all state: database file, blobs, Ray's token."
    )
    database_url: str = Field(
        "",
        repr=False,
        description="postgresql://user:password@host/name for PostgreSQL; "
        "empty: the SQLite file service.db in SIDECAR_DATA_DIR.",
    )
    api_tokens: CommaSeparated[ApiToken] = Field(
        (),
        max_length=2,
        description="Shared token that every caller must send, as `Authorization: Bearer TOKEN`; "
        "two by comma while one replaces the other; empty: none is asked for.",
    )
    allowed_hosts: CommaSeparated[str] = Field(
        (),
        description="Names by which the service may be called, by comma, beside addresses, names "
        "of one label, private domains and this machine's own name; `.example.com` stands for all "
        "below it. Others are 421.",
    )
    sync_timeout_s: float = Field(
        55.0,
        gt=0,
        description="Seconds that a synchronous receipt request waits before it answers 504.",
    )
    haproxy: bool = Field(
        True,
        description="Whether `make run` puts HAProxy in the place of Ray Serve's proxy, when it "
        "listens on 127.0.0.1 or 0.0.0.0.",
    )
    ray_dashboard: bool = Field(
        False,
        description="Whether `make run` starts all of Ray's own dashboard, or of it only what "
        "`serve deploy` needs.",
    )

    hardware: str = Field(
        "",
        max_length=1_000,
        description="A sentence on the hardware that the engine is fitted to, for /health/ready; "
        "`make run` writes it.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    log_output: Literal["file", "stderr"] = Field(
        "file",
        description="Where the log of `make run` goes, as JSON: `file`, which is "
        "`logs/service.log` in SIDECAR_DATA_DIR, rotated, while the screen shows warnings alone; "
        "or `stderr`, for systemd and containers.",
    )
    metrics_port: int = Field(
        9464,
        ge=0,
        le=65_535,
        description="Port of Prometheus metrics of `make run`, on loopback; 0: any free one.",
    )
    otlp_endpoint: str = Field(
        "",
        description="Where traces go: a collector's OTLP over HTTP, such as "
        "http://127.0.0.1:4318; empty: nothing is traced.",
    )
    trace_sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Sampling ratio for requests whose caller made no sampling decision.",
    )

    max_body_bytes: int = Field(
        32 * MiB, ge=1024, description="Largest request body, in bytes; more is 413."
    )
    max_image_bytes: int = Field(
        20 * MiB, ge=1024, description="Largest image after base64 is decoded, in bytes."
    )
    max_image_pixels: int = Field(
        50_000_000, ge=10_000, description="Most pixels of an image, by its header."
    )
    max_image_pages: int = Field(20, ge=1, description="Most pages of a PDF or TIFF.")
    image_dir: Path | None = Field(
        None, description="Folder below which image_path may point; unset: image_path is refused."
    )
    ssrf_allowed_networks: CommaSeparated[str] = Field(
        (),
        description="Address ranges (CIDR, by comma) that image_url and callback_url may reach "
        "although they are private, such as 10.1.2.0/24.",
    )
    url_timeout_s: float = Field(
        10.0, gt=0, description="Seconds to fetch an image_url or to call a callback_url."
    )

    queue: QueueSettings = QueueSettings()
    job: JobSettings = JobSettings()
    worker: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()
    webhook: WebhookSettings = WebhookSettings()
    receipt: ReceiptSettings = ReceiptSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    text: TextSettings = TextSettings()
    planner: PlannerSettings = PlannerSettings()
    engine: EngineSettings = EngineSettings()

    def __init__(self, **values: Any) -> None:
        """Take `values` before the environment; both may use names of the last release."""
        super().__init__(**with_current_names(values))

    @classmethod
    def settings_customise_sources(cls, *args: Any, **sources: Any) -> tuple[Any, ...]:
        """Add the environment variables of the last release, behind the current ones."""
        return sources["init_settings"], sources["env_settings"], RenamedEnvironment(cls)

    @field_validator("data_dir", "image_dir")
    @classmethod
    def _make_absolute(cls, folder: Path | None) -> Path | None:
        # Replicas run in other working directories than the command that started them.
        return None if folder is None else folder.expanduser().resolve()

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: str) -> str:
        scheme = url.partition("://")[0]
        if url and scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
            raise ValueError(
                "it begins with postgresql://, or is empty for SQLite; there is no other"
            )
        return url

    @field_validator("ssrf_allowed_networks")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"{error}; a network is such as 10.1.2.0/24") from error
        return networks

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("it begins with http:// or https://, or is empty")
        return url

    @property
    def blob_dir(self) -> Path:
        """Folder of the blobs."""
        return self.data_dir / "blobs"

    @property
    def log_dir(self) -> Path:
        """Folder of the log, where it is written to a file."""
        return self.data_dir / "logs"

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL, with its async driver."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{quote(str(self.data_dir / 'service.db'))}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in ("postgresql", "postgres"):
            scheme = "postgresql+asyncpg"
        return f"{scheme}{separator}{rest}"


def env_names() -> dict[str, str]:
    """Return every environment variable with the dotted name of its setting."""
    names = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, SettingsGroup):
            for nested in type(field.default).model_fields:
                names[f"{PREFIX}{name}_{nested}".upper()] = f"{name}.{nested}"
        else:
            names[f"{PREFIX}{name}".upper()] = name
    return names
