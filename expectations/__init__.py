"""Decides whether data may cross a border: suites as YAML, and a small Great Expectations runner.

Two borders are guarded: the lake before dbt (``suites/raw``) and the payloads before activation
(``suites/activation``). ``expectations.runner.judge`` gives a verdict; acting on it is the caller's business.
"""
