"""Memory that is freed and taken again, and how commands end."""

import platform
import subprocess
import sys

import pytest

from fvae_jax import runtime
from fvae_jax.errors import Stopped

_CODE = '''
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
'''


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='only glibc is asked')
def test_kept_memory_needs_no_new_pages():
    def new_pages(kept):
        return int(subprocess.run([sys.executable, '-c', _CODE.format(kept=kept)], capture_output=True, text=True,
                                  check=True).stdout)
    assert new_pages(True) < 100 and new_pages(False) > 1000


def test_a_signal_is_told_whatever_a_library_made_of_it(capsys):
    def work():
        try:
            raise Stopped('stopped by SIGTERM')
        except Stopped as error:
            raise ValueError('an array could not be read') from error

    with pytest.raises(SystemExit) as end:
        runtime.exit_on_error(work)
    assert end.value.code == 75 and capsys.readouterr().err == 'stopped by SIGTERM\n'
    with pytest.raises(ValueError):
        runtime.exit_on_error(lambda: int('x'))
