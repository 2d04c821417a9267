"""Sets of faces: read, aligned, stored, paired and fed to training (5.1, 5.2)."""
