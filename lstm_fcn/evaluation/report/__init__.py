"""The report of an evaluation: one page of HTML that needs nothing else.

Read `content` (what it shows), `page` (the template is filled) and the pictures: `pictures`, `ecg`, `drawing`.
"""
