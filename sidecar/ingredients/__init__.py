"""Ingredients as people write them: units, lines of recipes, foods and their nutrition."""
