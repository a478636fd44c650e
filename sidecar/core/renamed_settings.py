"""The names that settings had in version 0.1, accepted for one more release."""

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

#: Settings that had no prefix, and an underscore in the place of the dot.
_PREFIXED: Final = (
    "data_dir", "database_url", "log_level", "metrics_port", "ray_dashboard", "otlp_endpoint",
    "api_tokens", "max_body_bytes", "max_image_bytes", "max_image_pixels", "max_image_pages",
    "image_dir", "url_timeout_s", "webhook.secret", "webhook.max_attempts", "job.memory_bytes",
    "retention.days", "receipt.max_attempts", "receipt.accuracy", "receipt.threads",
    "embedding.model", "classifier.backend", "classifier.model", "text.device",
    "text.max_attempts", "text.threads", "text.cache_bytes", "planner.workers",
    "planner.memory_bytes", "planner.max_attempts", "engine.model", "engine.dtype",
    "engine.max_model_len", "engine.kv_cache_bytes", "engine.max_sequences",
    "engine.prefix_caching", "engine.tool_parser", "engine.max_images", "engine.max_tokens",
    "engine.threads", "engine.arguments",
)  # fmt: skip

#: A setting's name in version 0.1 (in capitals, its environment variable) to its dotted name.
RENAMED: Final[Mapping[str, str]] = {
    **{name.replace(".", "_"): name for name in _PREFIXED},
    "trace_share": "trace_sample_ratio",
    "fast_proxy": "haproxy",
    "url_allowed_networks": "ssrf_allowed_networks",
    "wait_timeout_s": "sync_timeout_s",
    "webhook_retry_base_s": "webhook.retry_backoff_base_s",
    "running_jobs": "job.concurrency",
    "tenant_running_jobs": "job.tenant_concurrency",
    "lease_s": "job.lease_s",
    "retry_base_s": "job.retry_backoff_base_s",
    "retry_cap_s": "job.retry_backoff_max_s",
    "queued_jobs": "queue.capacity",
    "tenant_queued_jobs": "queue.tenant_capacity",
    "poll_s": "queue.poll_interval_s",
    "retention_every_s": "retention.interval_s",
    "worker_idle_s": "worker.idle_timeout_s",
    "warm_workers": "worker.warm",
    "receipt_time_limit_s": "receipt.timeout_s",
    "receipt_second_look_below": "receipt.vlm_threshold",
    "text_time_limit_s": "text.timeout_s",
    "planner_waiting": "planner.queue_capacity",
    "planner_prose": "planner.summary",
    "engine": "engine.mode",
    "engine_sees": "engine.vision",
    "engine_eager": "engine.enforce_eager",
    "engine_time_limit_s": "engine.timeout_s",
    "engine_tenant_requests": "engine.tenant_concurrency",
    "engine_keep_content": "engine.store_content",
}


class RenamedEnvironment(PydanticBaseSettingsSource):
    """Reads the environment variables of version 0.1."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all variables are read at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the nested values that the variables set."""
        values = {old: os.environ[old.upper()] for old in RENAMED if old.upper() in os.environ}
        if "engine_arguments" in values:
            values["engine_arguments"] = json.loads(values["engine_arguments"])
        return with_current_names(values)


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` nested under the current names, where they use those of version 0.1."""
    current: dict[str, Any] = {}
    for name, value in values.items():
        # `engine` was a setting and is a group now.
        is_group = name == "engine" and not isinstance(value, str)
        group, _, field = (name if is_group else RENAMED.get(name, name)).rpartition(".")
        if group:
            current[group] = {**current.get(group, {}), field: value}
        elif isinstance(value, Mapping):
            current[field] = {**current.get(field, {}), **value}
        else:
            current[field] = value
    return current


def old_names_in(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of version 0.1 that are set, with their current names."""
    return {
        old.upper(): f"SIDECAR_{new.replace('.', '_')}".upper()
        for old, new in RENAMED.items()
        if old.upper() in environ
    }
