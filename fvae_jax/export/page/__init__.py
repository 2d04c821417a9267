"""The page that edits photos in a browser: plain files, copied as they are; docs/design.md says what each does."""
