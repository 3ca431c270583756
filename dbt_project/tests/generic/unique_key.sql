{#- A returned row is a key that stands more than once. -#}
{% test unique_key(model, columns) %}
{{ keys_that_repeat(model, columns) }}
{% endtest %}
