"""The receipt reader: turns an image or PDF into an `Extraction`, with matches to a catalog."""
