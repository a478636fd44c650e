"""Product names and the grocery taxonomy, with their word lists in data/."""
