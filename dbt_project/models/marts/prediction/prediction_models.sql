{{ config(meta={'published_as': 'prediction_models'}) }}

select
    versions.model_version,
    versions.model_code,
    versions.trained_as_of,
    versions.known_load_id,
    versions.train_days,
    versions.test_days,
    versions.train_count,
    versions.test_count,
    versions.is_promoted,
    in_force.model_version is not null as is_in_force,
    versions.reason,
    versions.metrics,
    versions.source,
    {{ load_instant('versions._load_id') }} as landed_at
from {{ ref('stg_siyu__prediction_models') }} as versions
left join {{ ref('int_run__models_in_force') }} as in_force
    on in_force.model_version = versions.model_version and in_force._load_id = versions._load_id
