"""The process that makes the file-system calls of planning; a run can abandon it if a dead mount blocks it."""
