"""Everything that Ray Serve runs: the HTTP ingress, the model deployments and their launcher."""
