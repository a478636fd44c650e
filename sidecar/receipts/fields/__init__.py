"""The fields of the header and footer: merchant, date, time and locale."""
