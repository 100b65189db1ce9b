"""The context of a beat: what one lead of the whole record says about it, as one array a beat.

Read `form` first (what is in the array), then `record` (how it is made), `lead`, `template`, `rhythm` and `shape`.
"""
