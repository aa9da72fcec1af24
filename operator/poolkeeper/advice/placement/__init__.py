"""Whether the pods of a replica can run on the nodes of its class, and how many chips they hold.

In: pod templates as JSON, resource claims that `kube` has read, the classes. Out: advice with the lines to
write, a size, and the verdict for the condition PlacementMatches.
"""
