"""Demand of HTTP pools: reports of activators and metrics of model servers.

In: addresses of activators and pods. Out: what they say, bounded and parsed. May import: `sources`, `core`,
`api`.
"""
