"""HTTP building blocks that the API (ingress) and the dashboard share."""
