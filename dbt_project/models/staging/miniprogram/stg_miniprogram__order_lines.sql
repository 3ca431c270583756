{{ staged_file_order_lines('miniprogram') }}
