"""Who answers an HTTP pool's Service: its pods, or the activators that hold requests while there are none.

In: facts about the Service, the activators and the replicas at one instant. Out: the next phase and what
follows from it, as values; nothing here sends or writes. May import: `core.values`, and values of `api`.
"""
