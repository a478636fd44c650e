"""The groups of settings, each a model of its own; settings.py puts them together."""

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

from sidecar.core.standard_webhooks import signing_key

MiB: Final = 1024 * 1024


def _check_webhook_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


WebhookSecret = Annotated[SecretStr, AfterValidator(_check_webhook_secret)]


def _split_at_commas(values: object) -> object:
    if isinstance(values, str):
        return tuple(part.strip() for part in values.split(",") if part.strip())
    return values


T = TypeVar("T")
#: Values that an environment variable separates by commas, in the place of JSON.
CommaSeparated = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split_at_commas)]


class SettingsGroup(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class QueueSettings(SettingsGroup):
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


class JobSettings(SettingsGroup):
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


class WorkerSettings(SettingsGroup):
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


class RetentionSettings(SettingsGroup):
    """Expiry."""

    days: float = Field(
        30.0, gt=0, description="Days after which jobs, artifacts, feedback and images are removed."
    )
    interval_s: float = Field(
        3600.0, gt=0, description="Seconds from the start of one retention run to the next."
    )


class WebhookSettings(SettingsGroup):
    """Calls of a job's callback_url."""

    secret: CommaSeparated[WebhookSecret] = Field(
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

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The signing key of each secret."""
        return tuple(signing_key(secret.get_secret_value()) for secret in self.secret)


class ReceiptSettings(SettingsGroup):
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


class EmbeddingSettings(SettingsGroup):
    """Text embedding."""

    model: str = Field(
        "",
        description="The model of embeddings and search: a sentence-transformers model's hub id "
        "or folder. Installed with the service are grocery-e5-small, the default, "
        "intfloat/multilingual-e5-small, of which it is made, and "
        "sentence-transformers/all-MiniLM-L6-v2, for English alone.",
    )


class ClassifierSettings(SettingsGroup):
    """Classification of names."""

    backend: Literal["lexicon", "nli", "reranker", "llm"] = Field(
        "lexicon",
        description="`lexicon` (the service's own taxonomy and models, in 24 languages), `nli` (an "
        "entailment model), `reranker` (a cross-encoder with one score) or `llm` (the engine).",
    )
    model: str = Field("", description="The model of `nli` and `reranker`: a hub id or a folder.")


class TextSettings(SettingsGroup):
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


class PlannerSettings(SettingsGroup):
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


class EngineSettings(SettingsGroup):
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
    vision_model: str = Field(
        "",
        description="A small model (id on Hugging Face or folder) that re-reads doubtful "
        "receipts in the place of `model`, in an engine of its own: such as "
        "PaddlePaddle/PaddleOCR-VL or zai-org/GLM-OCR; empty: none.",
    )
    vision_arguments: dict[str, Any] = Field(
        {},
        description="Arguments of vLLM's AsyncEngineArgs for `vision_model`, as a JSON object.",
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
        True,
        description="Whether prompts of a tenant with equal beginnings share their computation.",
    )
    tool_parser: str = Field(
        "",
        description="vLLM's parser of the model's tool calls; empty: that of the model's family "
        "(`sidecar/llm/data/models.toml`), else hermes.",
    )
    reasoning_parser: str = Field(
        "",
        description="vLLM's parser of the model's thoughts, which puts them into `reasoning`; "
        "empty: that of the model's family, if it thinks; none: it doesn't.",
    )
    thinking: bool = Field(
        True,
        description="Whether a model that can be told so thinks before it answers a chat that "
        "doesn't say; before it fills a JSON schema it doesn't.",
    )
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

    @property
    def reads_images(self) -> bool:
        """Whether some model takes images, and so reads receipts."""
        return self.vision or bool(self.vision_model)
