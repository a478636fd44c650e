"""The operator's HTML pages: router, figures, charts, templates and static files."""
