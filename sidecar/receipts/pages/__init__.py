"""Decodes image and PDF files into upright pages, within limits."""
