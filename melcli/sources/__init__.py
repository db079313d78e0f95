"""From INPUTs to items."""
