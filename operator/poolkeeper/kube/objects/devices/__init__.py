"""What pods claim of devices by Dynamic Resource Allocation (API group resource.k8s.io).

In: pod templates as JSON. Out: their claims, with the devices that each asks for, or with why that is not
known. Nothing here is written, and no CEL expression is evaluated.
"""
