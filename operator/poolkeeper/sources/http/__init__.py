"""Demand of HTTP pools: reports of activators and metrics of model servers, read into samples.

In: addresses of activators and pods. Out: samples of demand, and the reports themselves. Decides nothing.
May import: `sources`, `core`, `api`.
"""
