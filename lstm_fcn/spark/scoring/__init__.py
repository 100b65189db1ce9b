"""One run of the scoring job: plan, stage, check, publish.

Read `job`, then `input`, `plan` and `incremental` (what to do), `destination` and `output` with `folder_output` and
`table_output` (where the results go), `runs_table`, `table_format`, `delta`, `iceberg` and `conflicts` (how a table's
rows are replaced), `partitions` and `counts` (what was read and written), `manifest` and `drift` (what is left in
writing), and `lock` with `lock_places` (one run at a time). `task_size` cuts the input into tasks.
"""
