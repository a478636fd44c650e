"""The models that are served beside the jobs, as an attempt sees them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categories
from sidecar.embedding.cache import Embed
from sidecar.embedding.described import Described
from sidecar.llm.protocol import ChatEngine


@dataclass(frozen=True, kw_only=True)
class Models:
    """How to reach them; each call raises ModelUnavailable when its model is away."""

    embed: Embed
    embedder: Callable[[], Awaitable[Described]]
    categories: Categories
    #: What tenants have settled themselves; raises DatabaseUnavailable.
    feedback: FeedbackStore
    engine: ChatEngine
