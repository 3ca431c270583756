{{ staged_file_members('store') }}
