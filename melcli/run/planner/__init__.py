"""A process that looks at files for planning, which a run can leave behind if a dead mount hangs it."""
