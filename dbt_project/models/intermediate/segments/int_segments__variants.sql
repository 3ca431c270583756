-- Buckets of every arm of the A/B splits; the last arm takes what rounding leaves.
{% set arms = [] -%}
{% for segment in segment_definitions() -%}
{% set start = namespace(bucket=0) -%}
{% for variant in segment.get('variants', []) -%}
{% set end = 10000 if loop.last else start.bucket + (variant.share * 10000) | round | int -%}
{% do arms.append([segment.code, variant.code, start.bucket, end]) -%}
{% set start.bucket = end -%}
{% endfor -%}
{% endfor -%}
{% for arm in arms %}
{{ 'union all' if not loop.first }}
select
    '{{ arm[0] }}' as segment_code,
    '{{ arm[1] }}' as variant_code,
    {{ arm[2] }} as first_bucket,
    {{ arm[3] }} as end_bucket
{% else %}
select
    cast(null as varchar) as segment_code,
    cast(null as varchar) as variant_code,
    0 as first_bucket,
    0 as end_bucket
where 1 = 0
{% endfor %}
