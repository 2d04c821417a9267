"""`fvae doctor`: the state of a run directory."""

import pathlib
from collections.abc import Sequence

from fvae_jax.cli import arguments


def run(argv: Sequence[str]) -> int:
    """Runs `fvae doctor RUN`; 1 if something is damaged."""
    parser = arguments.Parser(
        'fvae doctor',
        'RUN',
        'What a run directory holds, whether its files are whole, and what a restart would do. Changes '
        'nothing; exit status 1 if something is damaged.',
        'example:\n  fvae doctor runs/mine',
    )
    parser.add_argument('run', type=pathlib.Path, metavar='RUN', help='the --workdir of a training')
    args = parser.parse(argv)
    from fvae_jax.training import doctor as doctor_lib

    findings = doctor_lib.examine(args.run)
    print(doctor_lib.report(findings))
    return int(any(finding.damaged for finding in findings))
