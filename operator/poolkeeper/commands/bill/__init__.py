"""The inside of `poolkeeper report`: reads bills, and writes them as text, CSV, JSON or HTML.

In: ConfigMaps with bills, pools and classes. Out: statements, one per pool, and what they assume.
"""
