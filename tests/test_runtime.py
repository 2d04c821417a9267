"""Memory that is freed and taken again."""

import platform
import subprocess
import sys

import pytest

_CODE = """
import resource
from fvae_jax import runtime
if {kept}:
    runtime.keep_memory()
taken = []
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b'x' * 2**26
    taken.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(taken[-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='only glibc is asked')
def test_kept_memory_needs_no_new_pages():
    def new_pages(kept):
        return int(
            subprocess.run(
                [sys.executable, '-c', _CODE.format(kept=kept)], capture_output=True, text=True, check=True
            ).stdout
        )

    assert new_pages(True) < 100 and new_pages(False) > 1000
