"""Networks that the papers compare theirs with, one file each."""
