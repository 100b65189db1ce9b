"""One evaluation of a predictions table: Spark counts, the driver computes.

Read `job`, then `rows` (which predictions can be evaluated), `counts`, `pairs` (two tables of predictions), `gallery`
(the beats that were predicted wrongly) and `output`.
"""
