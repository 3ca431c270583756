{%- set state = run_state() %}

{{ models_in_force(state.as_of, state.known_load_id) }}
