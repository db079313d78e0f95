"""A process for the file-system calls of planning, which a run can leave behind if a dead mount hangs it."""
