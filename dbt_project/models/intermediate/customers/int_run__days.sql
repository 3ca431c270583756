{{ config(materialized='table') }}

-- A table, though int_run__timeline alone reads it: the planner must know how many days there are. Guessing 150,000 of
-- 1.5 M, it kept them in memory to look up the sums instead of the other way round, and 31 M did not fit (2026-11-22).
{{ change_days(ref('int_run__daily'), ref('int_run__traits'), '(select clock.as_of_day from ' ~ ref('int_run__clock') ~ ' as clock)') }}
