"""The domain in pure Python: no Ray, no FastAPI, no database."""
