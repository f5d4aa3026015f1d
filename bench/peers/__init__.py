"""Whole programs beside coretrackd: same capture, one core each. Python's standard library only; as root."""
