{{ staged_file_orders('store') }}
