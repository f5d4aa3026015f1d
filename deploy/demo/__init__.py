"""The demonstration that deploy/run shows."""
