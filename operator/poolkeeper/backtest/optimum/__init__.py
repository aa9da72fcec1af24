"""What the cheapest schedule with no avoidable break would have cost, had it known everything beforehand."""
