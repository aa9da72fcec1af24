"""HTTP pools: the Service, the activators and the model servers of each, kept in step.

In: reports of activators, metrics of model servers, EndpointSlices. Out: samples of demand, routing
tables for the activators, EndpointSlices. May import: every other room of `controller` but `app`.
"""
