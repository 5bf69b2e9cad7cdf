"""What has no hash yet is found behind the last that has: see `InstanceIndex.unhashed`."""

STATEMENTS = ("DROP INDEX instance_unhashed",)
