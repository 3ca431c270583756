"""The report page (日报): one self-contained HTML page per published copy, Chinese and English, without a server.

Each section is a module with one function ``section(copy)``: it reads public tables of a copy, aggregates in SQL
and returns a ``Section``. ``page`` puts them together; ``pictures`` draws some of the same figures for Dagster.
"""
