{{ staged_file_members('miniprogram') }}
