"""The assets of the line, station by station."""
