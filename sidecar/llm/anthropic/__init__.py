"""Anthropic's Messages API in terms of chat completions, so that one engine serves both."""
