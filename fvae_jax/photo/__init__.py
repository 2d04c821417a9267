"""Photos and films as files: one reader, one writer, and outputs that are never left half written."""
