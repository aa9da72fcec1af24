"""What an hour of an accelerator costs, from the catalogue of AcceleratorClasses."""


class ClassUnknown(Exception):
    """The catalogue has no such class, or no price for it; the text says what to do."""


def dollars_per_hour(name: str) -> float:
    """The on-demand list price of one chip of a class; raises ClassUnknown."""
    raise ClassUnknown(f"--class {name}: the catalogue is not part of this build; leave --class out")
