"""Tags and segments as data: reads `dbt_project/rules/`, checks all of it, and hands it to dbt as macros."""
