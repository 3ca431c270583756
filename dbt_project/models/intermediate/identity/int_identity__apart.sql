-- Pairs of identifiers that reviewers keep apart, both ends of each.
with pairs as (

    select
        left_identifiers.identifier_no as left_no,
        right_identifiers.identifier_no as right_no,
        row_number() over (order by decisions.left_key asc, decisions.right_key asc) as pair_no
    from {{ ref('int_identity__decisions') }} as decisions
    inner join {{ ref('int_identity__identifiers') }} as left_identifiers
        on left_identifiers.identifier_uid = {{ digest('decisions.left_key') }}
    inner join {{ ref('int_identity__identifiers') }} as right_identifiers
        on right_identifiers.identifier_uid = {{ digest('decisions.right_key') }}
    where decisions.verdict = 'apart'

)

select
    pair_no,
    left_no as identifier_no,
    right_no as other_no
from pairs
union all
select
    pair_no,
    right_no,
    left_no
from pairs
