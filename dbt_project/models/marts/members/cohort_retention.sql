{{ config(meta={'published_as': 'cohort_retention'}) }}

{{ cohort_retention_query() }}
