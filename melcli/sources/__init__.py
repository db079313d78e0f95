"""Find items in INPUTs: walk folders, read lists, derive ids."""
