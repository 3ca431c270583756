{{ config(materialized='table') }}

-- Features of touched customers on every day on which one of them can change: a day with an event, and the day that
-- event leaves a window. Between two rows nothing changes, so the last row up to a day is the state of that day. Only
-- features that some rule asks about are computed, and only their windows make days.
{{ timeline_of_days(ref('int_run__daily'), ref('int_run__traits'), '(select clock.as_of_day from ' ~ ref('int_run__clock') ~ ' as clock)') }}
