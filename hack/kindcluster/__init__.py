"""A kind cluster anywhere: from pulled images where there is a registry, from Go modules and Debian packages
where there is none."""
