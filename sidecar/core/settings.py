"""Every setting that is not about replicas, in one model of nested groups.

A setting is read from the environment variable that env_name names (`engine.max_tokens` is
SIDECAR_ENGINE_MAX_TOKENS), or from the application's `args` in serve_config.yaml, which wins.
Replicas, CPU and GPU shares, queue bounds and request timeouts are Ray Serve's own and live in
serve_config.yaml alone. docs/configuration.md is generated from this module.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sidecar.core.renamed_settings import RenamedEnvironment, with_current_names
from sidecar.core.standard_webhooks import signing_key

MiB: Final = 1024 * 1024
PREFIX: Final = "SIDECAR_"


def _check_token(token: SecretStr) -> SecretStr:
    """Check that the token is an RFC 6750 b64token, too long to be guessed."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,200}=*", token.get_secret_value()):
        raise ValueError("a token has 16 to 200 letters, digits or any of -._~+/")
    return token


ApiToken = Annotated[SecretStr, AfterValidator(_check_token)]


def _check_webhook_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


WebhookSecret = Annotated[SecretStr, AfterValidator(_check_webhook_secret)]


def _split_at_commas(values: object) -> object:
    if isinstance(values, str):
        return tuple(part.strip() for part in values.split(",") if part.strip())
    return values


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class QueueSettings(_Group):
    """The job queue."""

    capacity: int = Field(
        100_000, ge=1, description="Queued jobs; more are refused with 503 until some are done."
    )
    tenant_capacity: int = Field(
        20_000, ge=1, description="Queued jobs of one tenant; more are refused with 429."
    )
    poll_interval_s: float = Field(
        0.1,
        gt=0,
        description="Seconds between two polls of the queue, and for cancelled jobs, while jobs "
        "run. An idle queue is polled when a job comes, and every 20 times that.",
    )


class JobSettings(_Group):
    """Running jobs."""

    concurrency: int = Field(
        0, ge=0, description="Jobs that run at once; 0: as many as the cluster has CPUs."
    )
    tenant_concurrency: int = Field(
        0, ge=0, description="Jobs of one tenant that run at once; 0: no bound of its own."
    )
    memory_bytes: int = Field(
        3072 * MiB,
        ge=64 * MiB,
        description="Memory of a job's process, in bytes; one that takes more is killed.",
    )
    lease_s: float = Field(
        30.0, gt=0, description="Seconds after which a claimed job without a renewal is reclaimed."
    )
    retry_backoff_base_s: float = Field(
        1.0, ge=0, description="Backoff before the second attempt, in seconds; doubles each time."
    )
    retry_backoff_max_s: float = Field(300.0, ge=0, description="Longest backoff, in seconds.")


class WorkerSettings(_Group):
    """The processes that run jobs."""

    idle_timeout_s: float = Field(
        300.0,
        gt=0,
        description="Seconds after which an idle worker process ends, except for the warm ones.",
    )
    warm: int = Field(
        1,
        ge=0,
        description="Worker processes of a node that stay, with the receipt reader loaded; each "
        "holds 0.2 GB and saves the first receipt some seconds.",
    )


class RetentionSettings(_Group):
    """Expiry."""

    days: float = Field(
        30.0, gt=0, description="Days after which jobs, artifacts, feedback and images are removed."
    )
    interval_s: float = Field(
        3600.0, gt=0, description="Seconds from the start of one retention run to the next."
    )


class WebhookSettings(_Group):
    """Calls of a job's callback_url."""

    secret: Annotated[tuple[WebhookSecret, ...], NoDecode] = Field(
        (),
        max_length=4,
        description="Signs the calls: `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks); "
        "several by comma, each of which signs, while one replaces another; empty: they are not "
        "signed.",
    )
    max_attempts: int = Field(12, ge=1, le=50, description="Attempts at one call.")
    retry_backoff_base_s: float = Field(
        5.0,
        ge=0,
        description="Backoff before the second attempt, in seconds; doubles up to an hour.",
    )

    _split = field_validator("secret", mode="before")(_split_at_commas)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The signing key of each secret."""
        return tuple(signing_key(secret.get_secret_value()) for secret in self.secret)


class ReceiptSettings(_Group):
    """Receipt extraction."""

    timeout_s: float = Field(
        120.0, gt=0, description="Seconds after which an attempt at a receipt is killed."
    )
    max_attempts: int = Field(3, ge=1, le=20, description="Attempts at a receipt.")
    vlm_threshold: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Overall confidence below which a vision-language model reads the receipt too.",
    )
    review_threshold: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Confidence of a field or a line below which a person should look at it.",
    )
    accuracy: Literal["fast", "default", "best"] = Field(
        "default", description="Accuracy of requests that don't name one."
    )
    threads: int = Field(1, ge=1, description="CPU threads of one receipt reader.")
    money: Literal["number", "object", "string"] = Field(
        "number",
        description="How flat answers give money, for requests that don't say: 33.67, {amount: "
        '"33.67", currency: "USD"} or "33.67".',
    )
    default_currency: str = Field(
        "",
        pattern="^([A-Z]{3})?$",
        description="Currency (ISO 4217) of receipts that show none, marked in the answer by "
        "`currency_source`; empty: their currency is null.",
    )


class EmbeddingSettings(_Group):
    """Text embedding."""

    model: str = Field(
        "",
        description="A sentence-transformers model: a hub id or a folder; "
        "empty: all-MiniLM-L6-v2, which is installed with the service.",
    )


class ClassifierSettings(_Group):
    """Classification of names."""

    backend: Literal["lexicon", "nli", "llm"] = Field(
        "lexicon",
        description="`lexicon` (the embedding model and the service's own taxonomy), `nli` (an "
        "entailment model) or `llm` (the engine).",
    )
    model: str = Field("", description="The entailment model of `nli`: a hub id or a folder.")


class TextSettings(_Group):
    """The processes of the embedder and the classifier."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Device of text models; `auto`: the GPU that Ray assigns, if any."
    )
    timeout_s: float = Field(
        900.0, gt=0, description="Seconds after which an attempt at a batch of texts is ended."
    )
    max_attempts: int = Field(3, ge=1, le=20, description="Attempts at a job of texts or names.")
    threads: int = Field(2, ge=1, description="CPU threads of one text model.")
    cache_bytes: int = Field(
        64 * MiB, ge=0, description="Memory of each replica's cache of vectors, in bytes."
    )


class PlannerSettings(_Group):
    """Meal planning."""

    workers: int = Field(4, ge=1, description="Warm solver processes; each solves one plan.")
    queue_capacity: int = Field(
        16, ge=0, description="Plans that may wait for a process; more are refused with 503."
    )
    memory_bytes: int = Field(
        2048 * MiB, ge=256 * MiB, description="Memory of one solver process, in bytes."
    )
    summary: bool = Field(
        False, description="Whether the engine summarizes each plan in two sentences (`summary`)."
    )
    max_attempts: int = Field(2, ge=1, le=20, description="Attempts at a planner job.")


class EngineSettings(_Group):
    """The language model."""

    mode: Literal["auto", "off"] = Field(
        "auto", description="auto: vLLM serves chat where it is installed; off: no engine."
    )
    model: str = Field(
        "",
        description="A model's id on Hugging Face or its folder; "
        "empty: SmolLM2-135M-Instruct, which comes in a package.",
    )
    vision: bool = Field(
        False, description="Whether the model takes images; then it re-reads doubtful receipts."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "float32", description="Type of weights and activations; auto on a GPU."
    )
    enforce_eager: bool = Field(
        True, description="Whether the model runs uncompiled: ready sooner, slower on a GPU."
    )
    max_model_len: int = Field(
        2048, ge=128, description="Most tokens of a prompt and its completion together."
    )
    kv_cache_bytes: int = Field(
        256 * MiB,
        ge=0,
        description="Memory of the KV cache, in bytes; 0 on a GPU: what the weights leave free.",
    )
    max_sequences: int = Field(
        16, ge=1, description="Completions that one engine generates at once."
    )
    prefix_caching: bool = Field(
        True, description="Whether prompts with equal beginnings share their computation."
    )
    tool_parser: str = Field("hermes", description="vLLM's parser of the model's tool calls.")
    max_images: int = Field(
        4, ge=0, description="Most images in one chat request, for a model that takes images."
    )
    max_tokens: int = Field(
        1024, ge=1, description="Most tokens of one completion, whatever is asked for."
    )
    timeout_s: float = Field(55.0, gt=0, description="Seconds after which a completion is ended.")
    schema_limit_s: float = Field(
        5.0,
        gt=0,
        description="Seconds of CPU that the JSON schemas of one request may take to compile; "
        "more is refused with 400.",
    )
    tenant_concurrency: int = Field(
        8,
        ge=1,
        description="Chat requests of one tenant at once, in each ingress replica; more are "
        "refused with 429.",
    )
    store_content: bool = Field(
        False, description="Whether artifacts of chats hold the messages and the completion."
    )
    threads: int = Field(
        0, ge=0, description="CPU threads of one engine on a CPU; 0: as many as there are cores."
    )
    arguments: dict[str, Any] = Field(
        {}, description="Further arguments of vLLM's AsyncEngineArgs, as a JSON object."
    )


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
    api_tokens: Annotated[tuple[ApiToken, ...], NoDecode] = Field(
        (),
        max_length=2,
        description="Shared token that every caller must send, as `Authorization: Bearer TOKEN`; "
        "two by comma while one replaces the other; empty: none is asked for.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
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

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
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
    ssrf_allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
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

    _split = field_validator("ssrf_allowed_networks", "api_tokens", mode="before")(_split_at_commas)

    @property
    def blob_dir(self) -> Path:
        """Folder of the blobs."""
        return self.data_dir / "blobs"

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL, with its async driver."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.data_dir / 'service.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in ("postgresql", "postgres"):
            scheme = "postgresql+asyncpg"
        return f"{scheme}{separator}{rest}"


def env_names() -> dict[str, str]:
    """Return every environment variable with the dotted name of its setting."""
    names = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, _Group):
            for nested in type(field.default).model_fields:
                names[f"{PREFIX}{name}_{nested}".upper()] = f"{name}.{nested}"
        else:
            names[f"{PREFIX}{name}".upper()] = name
    return names
