"""Beat tables from what people have: files, tables of signals or of windows, and the published CSV form."""
