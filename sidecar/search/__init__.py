"""Documents of a request by words and by meaning."""
