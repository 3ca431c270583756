"""Ingestion: lands what the channels say, as it was said. Files, APIs and the demo data become arrivals."""
