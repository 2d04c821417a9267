"""Table 1: T made from S, with the target's latent as printed."""

from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases as cases_lib, metrics, scoring
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.evaluation.methods.fvae import FVAE, Confident
from fvae_jax.evaluation.report import Context, figures
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Column, Figure, Section, Table

# dlib's descriptor takes a fifth of a second, so it looks at fewer pairs.
_DESCRIBED = 64
_SHOWN = 6
_SHARE = Column('share of the way', '%', 0, 'higher')
_NO_ANSWER = (
    'has no answer for some of the pairs: it needs a mask and three images of each person, or, if it knows labels '
    'alone, all of them'
)

_TEXT = """The network is given S and the latent of the true target, Z(T), as for the paper's Table 1, so these
numbers say how well an expression that is known can be carried over, not how well one is guessed. S has the color
statistics of T (5.2). Optical flow is computed from the true target: it sees the answer, and is the ceiling of what
moving the pixels of S can do. The share of the way is (PSNR − PSNR of copying) / (PSNR of optical flow − PSNR of
copying). The average flow over the training people, by labels alone, does not see the answer and is the fair flow
row.

All that moves pixels reads them with the Lanczos kernel that photos are edited with. Reading them bilinearly, as Eq.
5 prints and the network is trained, gives a little more PSNR, because blur is safe, and costs a third of the
sharpness (variance of the Laplacian, against the source) and LPIPS: the first of our rows. A VAE needs no source, and
blurs too. Identity distance is that of dlib's face descriptors from the true target; photos less than 0.6 apart count
as one person. On drawn faces it says nothing: dlib sees most of them as one."""


def section(context: Context) -> Section:
    """Scores every method on the test pairs."""
    pairs = cases_lib.pairs(context.run.faces, 'test', context.run.config).spread(context.run.config.eval.max_pairs)
    if not len(pairs):
        raise InputError('no test person has two images that are neutral or of full strength; a report needs them')
    methods, copy, answer = context.methods, base.Copy(), optical_flow.OpticalFlow()
    printed, confident = FVAE(methods.network, bilinear=True), Confident(methods.network)
    entries = [copy, methods.average, *methods.vaes, printed, *methods.ours, confident, answer]
    makers = {method: method.reconstruct for method in entries}
    scores = scoring.score(pairs, makers, 'Table 1', context.run.editor.frame, described=_DESCRIBED)
    people = pairs.people
    copied, ceiling = (scores[method]['psnr'] for method in (copy, answer))
    rows = []
    for method in entries:
        if method not in scores:
            rows.append(method.row(otherwise=_NO_ANSWER))
            continue
        own = scores[method]
        cells = metrics.cells(own, list(metrics.COLUMNS), people)
        if method is copy:
            # Copying is as sharp as the source by definition, which is no merit.
            cells[list(metrics.COLUMNS).index('sharpness')] = 'the source'
        gain = bootstrap_interval(own['psnr'] - copied, people, ceiling - copied).percent()
        rows.append(method.row([*cells, gain]))
    rows[-1:-1] = methods.missing
    caption = (
        f'{len(people)} ordered pairs of {len(set(people))} people kept out of training; means over pairs with '
        '95 % intervals by resampling people.'
    )
    table = Table('table1', 'Table 1', caption, [*metrics.COLUMNS.values(), _SHARE], rows)
    path, alt = context.drawings / 'table1.png', 'Dots with intervals for PSNR, LPIPS and sharpness of every method.'
    figures.dots_with_intervals(table, ['PSNR', 'LPIPS', 'sharpness'], path)
    dots = Figure('Table 1 as a picture', 'Means and 95 % intervals over people.', path, alt)
    shown = pairs.spread(_SHOWN)
    faces = [[pair.source, *(method.reconstruct(pair) for method in scores), pair.target] for pair in shown]
    labels = [f'{pair.source_expression} → {pair.target_expression}' for pair in shown.heads]
    path, alt = context.drawings / 'reconstructions.png', 'A grid of faces: source, every method, target.'
    figures.grid(faces, ['source', *(method.name for method in scores), 'target'], labels, path)
    examples = Figure('Examples', 'Test people, evenly chosen.', path, alt)
    return Section("Reconstruction with the target's latent (Table 1)", _TEXT, [table], [dots, examples])
