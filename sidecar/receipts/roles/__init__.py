"""The learned part of the reader: what each amount, word and line of a receipt is, as probabilities."""
