"""Callbacks (回调) of the platforms: received at once, kept on disk, landed by the daily job."""
