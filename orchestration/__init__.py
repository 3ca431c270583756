"""When and in what order: Dagster assets, the daily job, the published copy and the command line."""
