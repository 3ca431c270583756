"""Learns prediction models from replays of the past, tests them on later days, and lands versions in the lake."""
