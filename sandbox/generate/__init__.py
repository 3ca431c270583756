"""A lake of any size, made up and written straight with DuckDB: what `siyu generate` runs.

The plan (plan.py) says how many of what on which day, the bodies (people.py, miniprogram.py, shop.py, wecom.py) say in
SQL what an event looks like, the writer streams them to Parquet. Same seed, same options: same lake.
"""
