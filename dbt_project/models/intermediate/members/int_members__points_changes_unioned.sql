with from_files as (

    {% for channel in file_channels() -%}
    select
        '{{ channel.code }}|' || buyer_source || '|' || change_id as change_key,
        '{{ channel.code }}' as channel_code,
        {{ buyer_key('buyer_source', 'buyer_id') }} as buyer_key,
        reason_code,
        points,
        changed_at,
        _load_id,
        _row_no
    from {{ ref('stg_' ~ channel.code ~ '__points_changes') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    from_files.*,
    {{ business_date('changed_at') }} as changed_date
from from_files
