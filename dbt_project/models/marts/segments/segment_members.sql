{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'segment_members'}
) }}

-- Holdout and arm are drawn by a keyed hash of salt and customer: the same people for good. Of the segments of a
-- treatment group only the first one treats her; when she is held out there, none does.
with members as (

    select
        history.segment_code,
        history.customer_id,
        history.entered_date,
        history.rule_version,
        draws.holdout_buckets,
        first_value(history.segment_code) over (
            partition by history.customer_id, draws.treatment_group order by draws.priority, history.segment_code
        ) as treatment_segment_code,
        {{ draw_bucket('holdout', 'draws.salt', 'history.customer_id') }} as holdout_bucket,
        {{ draw_bucket('variant', 'draws.salt', 'history.customer_id') }} as variant_bucket
    from {{ ref('segment_history') }} as history
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = history.customer_id
    inner join {{ ref('int_segments__draws') }} as draws on draws.segment_code = history.segment_code
    where history.left_date is null

)

select
    members.segment_code,
    members.customer_id,
    members.entered_date,
    members.holdout_bucket < members.holdout_buckets as is_holdout,
    variants.variant_code,
    members.treatment_segment_code,
    members.holdout_bucket >= members.holdout_buckets and members.treatment_segment_code = members.segment_code
        as is_treated,
    members.rule_version
from members
left join {{ ref('int_segments__variants') }} as variants
    on variants.segment_code = members.segment_code
        and members.variant_bucket >= variants.first_bucket
        and members.variant_bucket < variants.end_bucket
