{{ staged_file_orders('miniprogram') }}
