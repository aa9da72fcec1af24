"""Who answers an HTTP pool's Service: its pods, or the activators that hold requests while there are no pods.

`turn.py` is the entrance. In: what is seen of pools, activators and EndpointSlices at one instant, and what
was remembered. Out: routing tables, EndpointSlices, and whether the last replicas may stop: values only.
May import: `core.values`, and values of `api`.
"""
