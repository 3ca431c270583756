{{ config(meta={'published_as': 'moments'}) }}

with versions as (

    select *
    from {{ ref('stg_wecom__outgoing') }}
    where touch_code = 'moment'

),

moments as (

    {{ latest_version('versions', 'outgoing_id', 'outgoing_id asc') }}

),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

seen as (

    select
        touches.outgoing_id as moment_id,
        cast(count(distinct touches.userid) as bigint) as staff_count,
        cast(count(distinct touches.customer_id) as bigint) as sent_to_count,
        cast(count(distinct case when noise.customer_id is null then touches.customer_id end) as bigint)
            as sent_to_count_clean
    from {{ ref('fct_touches') }} as touches
    left join noise on noise.customer_id = touches.customer_id
    where touches.touch_code = 'moment'
    group by touches.outgoing_id

),

interactions as (

    select
        interactions.moment_id
        {%- for kind in ('like', 'comment') %},
        {{ sum_fen("case when interactions.interaction_code = '" ~ kind ~ "' then 1 else 0 end") }}
            as {{ kind }}_count,
        {{ sum_fen(
            "case when noise.customer_id is null and interactions.interaction_code = '" ~ kind ~ "' then 1 else 0 end"
        ) }} as {{ kind }}_count_clean
        {%- endfor %}
    from {{ ref('fct_moment_interactions') }} as interactions
    left join noise on noise.customer_id = interactions.customer_id
    group by interactions.moment_id

)

select
    -- ids
    moments.outgoing_id as moment_id,
    moments.creator_userid,

    -- strings
    case moments.create_type_code
        when 0 then 'corp'
        when 1 then 'staff'
        else 'other_' || coalesce(cast(moments.create_type_code as varchar), 'unknown')
    end as created_by,
    case moments.visible_type_code
        when 0 then 'some'
        when 1 then 'all'
        else 'other_' || coalesce(cast(moments.visible_type_code as varchar), 'unknown')
    end as visible_to,

    -- numerics
    coalesce(seen.staff_count, 0) as staff_count,
    coalesce(seen.sent_to_count, 0) as sent_to_count,
    coalesce(seen.sent_to_count_clean, 0) as sent_to_count_clean
    {%- for kind in ('like', 'comment') %},
    coalesce(interactions.{{ kind }}_count, 0) as {{ kind }}_count,
    coalesce(interactions.{{ kind }}_count_clean, 0) as {{ kind }}_count_clean
    {%- endfor %},

    -- dates
    {{ business_date('moments.created_at') }} as created_date,

    -- timestamps
    moments.created_at
from moments
left join seen on seen.moment_id = moments.outgoing_id
left join interactions on interactions.moment_id = moments.outgoing_id
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('moments.created_at') }} <= clock.as_of
