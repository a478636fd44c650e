"""The language model: vLLM in a Serve replica, OpenAI's chat on top of it."""
