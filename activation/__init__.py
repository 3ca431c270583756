"""Sends segments out: plan, approve, apply exactly that plan, keep receipts, read back what is in doubt."""
