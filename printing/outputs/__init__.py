"""Where a rendered film goes: plug-ins under one contract suite."""
