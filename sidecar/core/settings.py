"""Every knob of the service that is not about replicas, in one model.

Each field is set by the environment variable of the same name in capitals, or under `args` of the
application in serve_config.yaml, which wins. Replicas, CPU and GPU shares, queue bounds and request
timeouts are Ray Serve's own and live in serve_config.yaml alone.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MiB = 1024 * 1024


def _sendable(token: SecretStr) -> SecretStr:
    """RFC 6750's b64token, long enough not to be guessed."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,200}=*", token.get_secret_value()):
        raise ValueError("a token has 16 to 200 letters, digits or any of -._~+/")
    return token


ApiToken = Annotated[SecretStr, AfterValidator(_sendable)]


class Settings(BaseSettings):
    """The settings of one running service; frozen, so that every replica sees the same."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Field(
        Path("data"), description="Folder that holds all state: database file, blobs, Ray's token."
    )
    database_url: str = Field(
        "",
        repr=False,
        description="postgresql://user:password@host/name for PostgreSQL; "
        "empty: the SQLite file service.db in DATA_DIR.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )

    metrics_port: int = Field(
        9464,
        ge=0,
        le=65_535,
        description="Port at which `make run` offers Prometheus the metrics, on loopback; "
        "0: any free one.",
    )

    ray_dashboard: bool = Field(
        False,
        description="Whether `make run` starts all of Ray's own dashboard, or of it only what "
        "`serve deploy` needs.",
    )

    otlp_endpoint: str = Field(
        "",
        description="Where traces go: a collector's OTLP over HTTP, such as "
        "http://127.0.0.1:4318; empty: nothing is traced.",
    )
    trace_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the requests to trace of which the caller doesn't say whether.",
    )

    fast_proxy: bool = Field(
        True,
        description="Whether `make run` puts HAProxy in the place of Ray Serve's proxy, when it "
        "listens on 127.0.0.1 or 0.0.0.0.",
    )
    api_tokens: Annotated[tuple[ApiToken, ...], NoDecode] = Field(
        (),
        max_length=2,
        description="Shared token that every caller must send, as `Authorization: Bearer TOKEN`; "
        "two by comma while one replaces the other; empty: none is asked for.",
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
    url_allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Address ranges (CIDR, by comma) that image_url and callback_url may reach "
        "although they are private, such as 10.1.2.0/24.",
    )
    url_timeout_s: float = Field(
        10.0, gt=0, description="Seconds to fetch an image_url or to call a callback_url."
    )
    webhook_secret: str = Field(
        "", repr=False, description="Signs calls to a callback_url; empty: they are not signed."
    )
    webhook_max_attempts: int = Field(
        12, ge=1, le=50, description="Attempts at a call to a callback_url."
    )
    webhook_retry_base_s: float = Field(
        5.0,
        ge=0,
        description="Backoff before a call's second attempt, in seconds; doubles up to an hour.",
    )

    wait_timeout_s: float = Field(
        55.0,
        gt=0,
        description="Seconds a synchronous receipt request waits before it answers 504.",
    )
    running_jobs: int = Field(
        0, ge=0, description="Jobs that run at once; 0: as many as the cluster has CPUs."
    )
    job_memory_bytes: int = Field(
        3072 * MiB,
        ge=64 * MiB,
        description="Memory of a process that works at a job, in bytes; with more it is killed.",
    )
    tenant_running_jobs: int = Field(
        0, ge=0, description="Jobs of one tenant that run at once; 0: as many as RUNNING_JOBS."
    )
    queued_jobs: int = Field(
        100_000, ge=1, description="Jobs that wait in the queue; more are 503 until some are done."
    )
    tenant_queued_jobs: int = Field(
        20_000, ge=1, description="Jobs of one tenant that wait; more are 429."
    )
    retention_days: float = Field(
        30.0, gt=0, description="Days after which jobs, artifacts, feedback and images are removed."
    )
    retention_every_s: float = Field(
        3600.0, gt=0, description="Seconds from the start of one pruning to the next."
    )
    lease_s: float = Field(
        30.0, gt=0, description="Seconds a claimed job stays claimed without a sign of life."
    )
    poll_s: float = Field(
        0.1,
        gt=0,
        description="Seconds between looks at the queue, and for what was cancelled, while jobs "
        "run; idle, the queue is looked at when a job comes, and every 20 times that.",
    )
    retry_base_s: float = Field(
        1.0, ge=0, description="Backoff before the second attempt, in seconds; doubles each time."
    )
    retry_cap_s: float = Field(300.0, ge=0, description="Longest backoff, in seconds.")
    receipt_time_limit_s: float = Field(
        120.0, gt=0, description="Seconds one attempt at a receipt may take before it is killed."
    )
    receipt_max_attempts: int = Field(3, ge=1, le=20, description="Attempts at a receipt.")
    receipt_second_look_below: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Overall confidence below which a model that sees looks at a receipt too.",
    )
    receipt_accuracy: Literal["fast", "default", "best"] = Field(
        "default", description="How a receipt is read whose request does not say."
    )
    receipt_threads: int = Field(1, ge=1, description="CPU threads of one receipt reader.")
    worker_idle_s: float = Field(
        300.0,
        gt=0,
        description="Seconds after which an idle worker process ends, and with it its models "
        "and memory, but for those that stay warm.",
    )
    warm_workers: int = Field(
        1,
        ge=0,
        description="Worker processes of a node that stay, with the receipt reader loaded, however "
        "long nobody asks; each holds 0.2 GB, and spares the first receipt some seconds.",
    )

    embedding_model: str = Field(
        "",
        description="A sentence-transformers model: a hub id or a folder; "
        "empty: all-MiniLM-L6-v2, which is installed with the service.",
    )
    classifier_backend: Literal["lexicon", "nli", "llm"] = Field(
        "lexicon",
        description="What puts names into categories: `lexicon` (the embedding model and the "
        "service's own taxonomy), `nli` (an entailment model) or `llm` (the engine).",
    )
    classifier_model: str = Field(
        "", description="The entailment model of `nli`: a hub id or a folder."
    )
    text_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where text models run; `auto`: on the GPU that Ray gives, if any."
    )
    text_time_limit_s: float = Field(
        900.0, gt=0, description="Seconds one attempt at a batch of texts or names may take."
    )
    text_max_attempts: int = Field(
        3, ge=1, le=20, description="Attempts at a job of texts or names."
    )
    text_threads: int = Field(2, ge=1, description="CPU threads of one text model.")
    text_cache_bytes: int = Field(
        64 * MiB, ge=0, description="Memory for vectors of texts seen lately, in each replica."
    )

    planner_workers: int = Field(
        4, ge=1, description="Processes that solve meal plans, kept warm; one plan each."
    )
    planner_waiting: int = Field(
        16, ge=0, description="Meal plans that may wait for a process; more is 503."
    )
    planner_memory_bytes: int = Field(
        2048 * MiB, ge=256 * MiB, description="Memory of one solver process, in bytes."
    )
    planner_prose: bool = Field(
        False,
        description="Whether the engine sums up each meal plan in two sentences (`summary`).",
    )
    planner_max_attempts: int = Field(2, ge=1, le=20, description="Attempts at a planner job.")

    engine: Literal["auto", "off"] = Field(
        "auto", description="auto: vLLM serves chat where it is installed; off: it is left out."
    )
    engine_model: str = Field(
        "",
        description="A model's id on Hugging Face or its folder; "
        "empty: SmolLM2-135M-Instruct, which comes in a package.",
    )
    engine_sees: bool = Field(
        False, description="Whether the model takes images; then it gives receipts a second look."
    )
    engine_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "float32", description="Type of weights and activations; auto on a GPU."
    )
    engine_eager: bool = Field(
        True,
        description="Whether the model runs uncompiled: ready sooner, slower on a GPU.",
    )
    engine_max_model_len: int = Field(
        2048, ge=128, description="Most tokens of a prompt and its answer together."
    )
    engine_kv_cache_bytes: int = Field(
        256 * MiB,
        ge=0,
        description="Memory of the KV cache, in bytes; 0 on a GPU: what the weights leave free.",
    )
    engine_max_sequences: int = Field(
        16, ge=1, description="Answers that are generated at once by one engine."
    )
    engine_prefix_caching: bool = Field(
        True, description="Whether prompts that begin alike share their work."
    )
    engine_tool_parser: str = Field(
        "hermes", description="vLLM's parser for the model's way to call tools."
    )
    engine_max_images: int = Field(
        4, ge=0, description="Most images in one chat request, for a model that sees."
    )
    engine_max_tokens: int = Field(
        1024, ge=1, description="Most tokens of one answer, whatever is asked for."
    )
    engine_time_limit_s: float = Field(
        55.0, gt=0, description="Seconds one answer may take before it is ended."
    )
    engine_tenant_requests: int = Field(
        8, ge=1, description="Chat requests of one tenant at once, for each ingress; more is 429."
    )
    engine_keep_content: bool = Field(
        False, description="Whether artifacts of chats hold the messages and the answer."
    )
    engine_threads: int = Field(
        0, ge=0, description="CPU threads of one engine on a CPU; 0: as many as there are cores."
    )
    engine_arguments: dict[str, Any] = Field(
        {}, description="Further arguments of vLLM's AsyncEngineArgs, as a JSON object."
    )

    @field_validator("data_dir", "image_dir")
    @classmethod
    def _absolute(cls, folder: Path | None) -> Path | None:
        # Replicas run in other working directories than the command that started them.
        return None if folder is None else folder.expanduser().resolve()

    @field_validator("url_allowed_networks", "api_tokens", mode="before")
    @classmethod
    def _split(cls, values: object) -> object:
        if isinstance(values, str):
            return tuple(part.strip() for part in values.split(",") if part.strip())
        return values

    @property
    def blob_dir(self) -> Path:
        """Where blobs are."""
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
