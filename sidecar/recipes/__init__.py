"""Recipes from texts and web pages."""
