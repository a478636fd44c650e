"""Chat completions: inlining images, streaming events and recording each exchange."""
