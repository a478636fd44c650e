"""The language model: vLLM in a Serve replica, and OpenAI's chat API on top of it."""
