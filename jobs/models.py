"""The models that are served beside the jobs, as an attempt sees them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deployments.classifier.categories import Categories
from deployments.embedder.cache import Embed
from deployments.embedder.described import Described
from deployments.engine.reply import ChatEngine
from jobs.feedback import FeedbackStore


@dataclass(frozen=True, kw_only=True)
class Models:
    """How to reach them; each call raises ModelUnavailable when its model is away."""

    embed: Embed
    embedder: Callable[[], Awaitable[Described]]
    categories: Categories
    #: What tenants have settled themselves; raises DatabaseUnavailable.
    feedback: FeedbackStore
    engine: ChatEngine
