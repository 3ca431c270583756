-- Moves of the day on which the previous run's newest load came: that day may have gone on since. Not a ref(): it is the
-- same table one run earlier.
{{ select_from_before('identity_moves', {'identifier_no': 'bigint', 'from_customer_no': 'bigint', 'moved_date': 'date'},
    schema='marts') }}
and {{ day_number('moved_date') }} >= {{ first_open_day() }}
