"""Beat tables from what people have: `records` (WFDB, one task a record) and `csv_form` (the published CSV form)."""
