"""HTTP pools: who answers their Services, kept in step with activators, model servers and the API server.

`http_front.py` takes the turns that `core.front` decides; `tables.py` (fast) and `endpoints.py` (slow) act on
them. In: reports of activators, readings, Services, EndpointSlices. Out: samples of demand, routing
tables, EndpointSlices, and for each pool whether its last replicas may stop. May import: every other room of
`controller` but `app`.
"""
