{{ config(meta={'published_as': 'cohort_retention_clean'}) }}

-- The same figures without noise identities (customer_noise): see both before believing either.
{{ cohort_retention_query(clean=true) }}
