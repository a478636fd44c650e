"""Text recognition, and the layout of recognized text in rows."""
