"""Figures 2, 4, 5 and 7 of the paper, on people kept out of training."""

import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from fvae_jax.data import crops, index
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, upsampling
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, grids
from fvae_jax.evaluation.sections import Context, progress
from fvae_jax.ops import image as image_ops
from fvae_jax.photo import read, write

_TRAVERSAL = (0.0, 0.5, 1.0, 1.5)
_FACTORS = (-0.8, 0.0, 0.8)
_PEOPLE = 4
_ENLARGED = 16  # people of Figure 7's numbers: each photo is read and aligned again
_SAME = 0.1  # of [-1, 1]: a photo whose crop differs by more is another photo of that name

_TEXT = """Nothing here is chosen by its looks: the people are spread evenly over the test people. Figure 2 walks along each
direction of the latent space. Figure 4 compares edits from one photo alone. Figure 5 takes an expression away and
exaggerates it. Figure 7 enlarges the output, or the flow."""


def section(context: Context) -> Section | None:
    """Draws the figures; None if no test person has a neutral photo and another."""
    changes = list(cases.changes(context.faces, context.editor.expressions))
    if not changes:
        return None
    drawn = [_traversal(context, changes)]
    # The paper's two blocks are disgust, and smile back to neutral; a set may lack either.
    expressions = sorted({change.expression for change in changes})
    strong = next((name for name in ('disgust', 'surprise', 'smile') if name in expressions), expressions[0])
    weak = 'smile' if 'smile' in expressions else strong
    drawn.append(_comparison(context, changes, 'a', index.NEUTRAL, strong))
    drawn.append(_comparison(context, changes, 'b', weak, index.NEUTRAL))
    drawn.append(_magnify(context, changes, weak))
    figure, tables = _upsampling(context, _spread(changes, weak, _ENLARGED))
    return Section('Edited faces (Figures 2, 4, 5 and 7)', _TEXT, tables, [*drawn, *figure])


def _spread(changes: Sequence[cases.Change], expression: str, count: int = _PEOPLE) -> list[cases.Change]:
    """A few people with an expression, evenly over all."""
    chosen = [change for change in changes if change.expression == expression]
    return [chosen[i] for i in np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int)]


def _traversal(context: Context, changes: Sequence[cases.Change]) -> Figure:
    expressions = sorted({change.expression for change in changes})
    rows = []
    for i, expression in enumerate(progress(expressions, 'Figure 2')):
        people = _spread(changes, expression, len(expressions))
        change = people[i % len(people)]
        rows.append(
            [context.methods.ours[-1].edit(change.neutral, index.NEUTRAL, expression, s) for s in _TRAVERSAL]
            + [change.expressive]
        )
    path = context.drawings / 'figure2.png'
    grids.grid(rows, [*(f'strength {s:g}' for s in _TRAVERSAL), 'own photo'], expressions, path)
    return Figure(
        'Figure 2, traversal along each direction',
        'Strength 0 is the photo itself; the last column is the person with that expression, for comparison.',
        path,
        'A row of edits of growing strength for each expression.',
    )


def _comparison(context: Context, changes: Sequence[cases.Change], block: str, source: str, target: str) -> Figure:
    methods = [*context.methods.vaes, context.methods.average, *context.methods.ours]
    rows = []
    for change in _spread(changes, target if source == index.NEUTRAL else source):
        ends = [change.neutral, change.expressive]
        start, truth = ends if source == index.NEUTRAL else ends[::-1]
        rows.append([start, *(method.edit(start, source, target, 1.0) for method in methods), truth])
    path = context.drawings / f'figure4{block}.png'
    grids.grid(rows, ['source', *(method.name for method in methods), 'own photo'], None, path)
    return Figure(
        f'Figure 4{block}, {source} → {target}',
        'From the source alone, strength 1; the last column is the person, for comparison.',
        path,
        f'Faces edited from {source} to {target} by each method.',
    )


def _magnify(context: Context, changes: Sequence[cases.Change], expression: str) -> Figure:
    rows = [
        [context.methods.ours[-1].edit(change.expressive, index.NEUTRAL, expression, s) for s in _FACTORS]
        for change in _spread(changes, expression)
    ]
    path = context.drawings / 'figure5.png'
    grids.grid(
        rows, [f'suppressed, {_FACTORS[0]:g}', f'{expression}, the photo', f'magnified, +{_FACTORS[2]:g}'], None, path
    )
    return Figure(
        f'Figure 5, {expression} suppressed and magnified',
        'The photo is in the middle.',
        path,
        f'Faces with less and with more {expression} than in the photo.',
    )


def _upsampling(context: Context, changes: Sequence[cases.Change]) -> tuple[list[Figure], list[Table]]:
    path, pictures = context.drawings / 'figure7.png', []
    for change in progress(changes, 'Figure 7'):
        large = _large_crop(context, change)
        if large is not None:
            face = context.editor.encode(change.neutral)
            latent = context.editor.edited_latent(face, {change.expression: 1.0})
            pictures.append(upsampling.upsample(large, face.crop, context.editor.displacement(face, latent)))
    if not pictures:
        return [], []
    write.write_png(path, upsampling.draw(pictures[0]))
    kept = np.asarray([picture.sharpness() for picture in pictures])
    size = len(changes[0].neutral)
    table = Table(
        'upsampling',
        f'Figure 7 in numbers, {size} to {upsampling.SIDE} px',
        f'Sharpness over the face that an edit keeps, mean and range over {len(kept)} people. Pixels should keep '
        f'less than {upsampling.PIXELS_KEEP_LESS_THAN}, flow {upsampling.FLOW_KEEPS[0]} to '
        f'{upsampling.FLOW_KEEPS[1]}.',
        [Column('kept', '× source', 3, 'nearest 1'), Column('least', '', 3), Column('most', '', 3)],
        [
            Row(name, [float(k.mean()), float(k.min()), float(k.max())], ours=name == 'flow enlarged')
            for name, k in zip(('output enlarged', 'flow enlarged'), kept.T)
        ],
        row_heading='way',
    )
    figure = Figure(
        'Figure 7, enlarging pixels or flow',
        'Source and flow above; below, the same edit with its output enlarged, and with its flow enlarged.',
        path,
        'A face, its flow, and the edit enlarged in two ways.',
    )
    return [figure], [table]


def _large_crop(context: Context, change: cases.Change) -> np.ndarray | None:
    """A person's neutral photo as a crop of `upsampling.SIDE`, float32 in [-1, 1]; None if the file is gone."""
    identity, size = change.identity, len(change.neutral)
    data, side = context.config.data, upsampling.SIDE
    if data.set == 'synthetic':
        return image_ops.to_float(DrawnFace(0, int(identity.rpartition('_')[2]), side).image(index.NEUTRAL, 0.0))
    record = next(r for r in context.faces.data.records if r.identity == identity and r.expression == index.NEUTRAL)
    for root in (data.root or data.manual_dir).split(','):
        file = pathlib.Path(os.path.expanduser(root.strip())) / record.file
        try:
            image = read.read_photo(file).eight_bit().pixels
            crop = (crops.take_crop if data.aligned else crops.find_crop)(image, min(side, *image.shape[:2]))
        except (crops.UnusablePhoto, InputError):
            continue
        small = image_ops.to_float(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
        if np.abs(small - change.neutral).mean() < _SAME:
            # Smaller than wanted: enlarged, which is what the photo is.
            return image_ops.to_float(cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC))
    return None
