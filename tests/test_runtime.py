"""Memory that is freed and taken again, and how a command ends."""

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


_LEAVE = """
import atexit, gc, sys
from fvae_jax import runtime
leave = runtime.leave_at_once()
atexit.register(lambda: print('registered', file=sys.stderr))
class Kept:
    def __del__(self): print('taken apart', file=sys.stderr)
kept = Kept()
print('done', end='')
{end}
"""


@pytest.mark.parametrize(
    'end, status, told',
    [
        ('leave(0)', 0, 'registered\n'),
        ('leave(3)', 3, 'registered\n'),
        ('sys.exit(2)', 2, 'registered\ntaken apart\n'),  # an error: as ever
    ],
)
def test_a_command_leaves_its_memory_to_the_system(end, status, told):
    found = subprocess.run([sys.executable, '-c', _LEAVE.format(end=end)], capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (status, 'done', told)


def test_output_that_nobody_reads_is_told_of_as_ever():
    told = []
    for end in ('leave(0)', 'sys.exit(0)'):
        process = subprocess.Popen(
            [sys.executable, '-c', _LEAVE.format(end=end)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        process.stdout.close()
        told.append((process.stderr.read(), process.wait()))
        process.stderr.close()
    assert told[0] == told[1] and 'BrokenPipeError' in told[0][0]
