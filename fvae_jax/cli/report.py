"""`fvae report`: a run compared with other methods, by numbers and pictures."""

from collections.abc import Sequence

from fvae_jax.cli import arguments


def run(argv: Sequence[str]) -> None:
    """Runs `fvae report RUN`: numbers and pictures of the run beside other methods."""
    parser = arguments.Parser(
        'fvae report',
        'RUN',
        "The paper's tables and figures on the people a run never saw: RUN/report/index.html.",
        'example:\n  fvae report runs/mine',
    )
    parser.add_shared('run', '--data')
    args = parser.parse(argv)
    config = arguments.run_config(args)
    arguments.make_ready()
    from fvae_jax.evaluation.report import build

    print(build.report(config, args.run))
