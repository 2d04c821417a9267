"""Commands as if each were started anew, without the seconds that imports take: forked from a process that has them.

The parent has no more than imported: it has run nothing of JAX, which no fork would survive, and read no flags.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]

_PARENT = """
import importlib, json, os, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
print('ready', flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.dup2(os.open(asked['stdin'], os.O_RDONLY), 0)
    for stream, path in ((1, asked['stdout']), (2, asked['stderr'])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    status = 0
    try:
        os.environ.update(asked['env'])
        os.chdir(asked['cwd'])
        sys.argv = asked['argv']
        exec(asked['code'], {'__name__': '__main__'})
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
"""


@contextlib.contextmanager
def parent(folder, *modules):
    """Yields `run(code, argv, given=b'', cwd=ROOT, text=True, **env)` -> CompletedProcess.

    What is given to standard input and what is said pass through files in `folder`.
    """
    with subprocess.Popen(
        [sys.executable, '-c', _PARENT, *modules],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == 'ready\n'

        def run(code, argv, given=b'', cwd=ROOT, text=True, **env):
            streams = {name: str(folder / name) for name in ('stdin', 'stdout', 'stderr')}
            (folder / 'stdin').write_bytes(given)
            asked = {'code': code, 'argv': list(map(str, argv)), 'cwd': str(cwd), 'env': env, **streams}
            process.stdin.write(json.dumps(asked) + '\n')
            process.stdin.flush()
            status = int(process.stdout.readline())
            told = [(folder / name).read_bytes() for name in ('stdout', 'stderr')]
            told = [said.decode() for said in told] if text else told
            return subprocess.CompletedProcess(argv, status, *told)

        yield run
        process.stdin.close()
