{{ staged_file_points_changes('store') }}
