"""Figures 2, 4, 5 and 7 of the paper, on people kept out of training."""

import pathlib
from collections.abc import Mapping

import cv2
import numpy as np

from fvae_jax.data import crops, index
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases
from fvae_jax.evaluation.cases import Cases, Edit
from fvae_jax.evaluation.methods.fvae import FVAE
from fvae_jax.evaluation.report import Context, figure7, figures
from fvae_jax.evaluation.tables import Column, Figure, Row, Section, Table
from fvae_jax.ops import image as image_ops
from fvae_jax.photo import read, write

_TRAVERSAL = (0.0, 0.5, 1.0, 1.5)
_FACTORS = (-0.8, 0.0, 0.8)
_PEOPLE = 4
_ENLARGED = 16  # people of Figure 7's numbers: each photo is read and aligned again
_SAME = 0.1  # of [-1, 1]: a photo whose crop differs by more is another photo of that name
_KINDS = {'printed': 'printed', 'ours': 'as photos are edited'}

_TEXT = """Nothing here is chosen by its looks: the people are spread evenly over the test people. Figure 2 walks
along each direction of the latent space. Figure 4 compares edits from one photo alone. Figure 5 takes an expression
away and exaggerates it. Figure 7 enlarges the output, or the flow.{content}"""
_CONTENT = """ As in the paper, `FVAE` moves pixels alone; Figures 2 and 5 are shown a second time with what the
content layer lays over them, which is beyond the paper."""


def section(context: Context) -> Section | None:
    """Draws the figures; None if no test person has a neutral photo and another."""
    edits = cases.edits(context.run.faces, context.run.editor.expressions)
    if not len(edits):
        return None
    # The paper's two blocks are disgust, and smile back to neutral; a set may lack either.
    edits_to = cases.by_target(edits)
    strong = next((name for name in ('disgust', 'surprise', 'smile') if name in edits_to), min(edits_to))
    to_weak = edits_to.get('smile', edits_to[strong])
    ours = context.methods.ours
    drawn = [
        *(_traversal(context, method, edits_to) for method in ours),
        _comparison(context, 'a', edits_to[strong]),
        _comparison(context, 'b', to_weak.map(cases.back)),
        *(_magnify(context, method, to_weak) for method in ours),
    ]
    figure, tables = _upsampling(context, to_weak.spread(_ENLARGED))
    text = _TEXT.format(content=_CONTENT if len(ours) > 1 else '')
    return Section('Edited faces (Figures 2, 4, 5 and 7)', text, tables, [*drawn, *figure])


def _file(context: Context, figure: str, method: FVAE) -> pathlib.Path:
    """Where a figure is drawn: the paper's form, or the one with content beside it."""
    return context.drawings / (f'{figure}.png' if method is context.methods.ours[0] else f'{figure}-content.png')


def _traversal(context: Context, method: FVAE, edits_to: Mapping[str, Cases[Edit]]) -> Figure:
    rows = []
    for i, edits in enumerate(edits_to.values()):
        people = edits.spread(len(edits_to))
        edit = people[i % len(people)]
        rows.append([*(edit.made_by(method, strength) for strength in _TRAVERSAL), edit.truth])
    path = _file(context, 'figure2', method)
    figures.grid(rows, [*(f'strength {s:g}' for s in _TRAVERSAL), 'own photo'], list(edits_to), path)
    title = f'Figure 2, traversal along each direction, {method.name}'
    caption = 'Strength 0 is the photo itself; the last column is the person with that expression, for comparison.'
    return Figure(title, caption, path, f'A row of edits of growing strength for each expression, by {method.name}.')


def _comparison(context: Context, block: str, edits: Cases[Edit]) -> Figure:
    methods = [*context.methods.vaes, context.methods.average, *context.methods.ours]
    source, target = edits.heads[0].source, edits.heads[0].target
    rows = [[edit.start, *(edit.made_by(method) for method in methods), edit.truth] for edit in edits.spread(_PEOPLE)]
    path = context.drawings / f'figure4{block}.png'
    figures.grid(rows, ['source', *(method.name for method in methods), 'own photo'], None, path)
    caption = 'From the source alone, strength 1; the last column is the person, for comparison.'
    alt = f'Faces edited from {source} to {target} by each method.'
    return Figure(f'Figure 4{block}, {source} → {target}', caption, path, alt)


def _magnify(context: Context, method: FVAE, edits: Cases[Edit]) -> Figure:
    expression = edits.heads[0].target
    rows = [
        [method.edit(edit.truth, edit.source, expression, factor) for factor in _FACTORS]
        for edit in edits.spread(_PEOPLE)
    ]
    path = _file(context, 'figure5', method)
    columns = [f'suppressed, {_FACTORS[0]:g}', f'{expression}, the photo', f'magnified, +{_FACTORS[2]:g}']
    figures.grid(rows, columns, None, path)
    title = f'Figure 5, {expression} suppressed and magnified, {method.name}'
    alt = f'Faces with less and with more {expression} than in the photo, by {method.name}.'
    return Figure(title, 'The photo is in the middle.', path, alt)


def _upsampling(context: Context, edits: Cases[Edit]) -> tuple[list[Figure], list[Table]]:
    path, editor, kept = context.drawings / 'figure7.png', context.run.editor, []
    for (edit,) in edits.batches(1, 'Figure 7'):
        large = _large_crop(context, edit)
        if large is not None:
            face = editor.encode(edit.start)
            displacement = editor.displacement(face, editor.edited_latent(face, {edit.target: 1.0}))
            pictures = figure7.upsample(large, face.crop, displacement)
            if not kept:
                write.write_png(path, figure7.draw(large, displacement, pictures, editor.frame))
            kept.append(figure7.sharpness(large, pictures, editor.frame))
    if not kept:
        return [], []
    rows = []
    for kind, words in _KINDS.items():
        for way, part in enumerate(('output', 'flow')):
            values = np.asarray([sharpness[kind][way] for sharpness in kept])
            cells = [float(values.mean()), float(values.min()), float(values.max())]
            rows.append(Row(f'{words}: {part} enlarged', cells, ours=part == 'flow'))
    columns = [Column('kept', '× source', 3, 'nearest 1'), Column('least', '', 3), Column('most', '', 3)]
    title = f'Figure 7 in numbers, {editor.size} to {figure7.SIDE} px'
    caption = (
        f'Sharpness over the face that an edit keeps, mean and range over {len(kept)} people; pixels are moved, and '
        f'nothing is added. Printed, pixels should keep less than {figure7.PIXELS_KEEP_LESS_THAN}, flow '
        f'{figure7.FLOW_KEEPS[0]} to {figure7.FLOW_KEEPS[1]}.'
    )
    table = Table('upsampling', title, caption, columns, rows, row_heading='way')
    caption = (
        'Source and flow above; below, the same edit with its output enlarged, and with its flow enlarged: first as '
        'printed, all of it bilinear, then as photos are edited.'
    )
    alt = 'A face, its flow, and the edit enlarged in two ways with two kinds of kernels.'
    return [Figure('Figure 7, enlarging pixels or flow', caption, path, alt)], [table]


def _large_crop(context: Context, edit: Edit) -> np.ndarray | None:
    """A person's neutral photo as a crop of `figure7.SIDE`, float32 in [-1, 1]; None if the file is gone."""
    identity, size = edit.identity, len(edit.start)
    data, side = context.run.config.data, figure7.SIDE
    if data.set == 'synthetic':
        return image_ops.to_float(DrawnFace(0, int(identity.rpartition('_')[2]), side).image(index.NEUTRAL, 0.0))
    record = next(r for r in context.run.faces.data.records if r.identity == identity and r.expression == index.NEUTRAL)
    for root in index.folders_of(data.root or data.manual_dir):
        file = pathlib.Path(root) / record.file
        try:
            image = read.read_photo(file).eight_bit().pixels
            largest, frame = min(side, *image.shape[:2]), None if data.aligned else context.run.editor.frame
            crop, _ = crops.crop(image, largest, frame)
        except InputError:
            continue
        small = image_ops.to_float(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
        if np.abs(small - edit.start).mean() < _SAME:
            # Smaller than wanted: enlarged, which is what the photo is.
            return image_ops.to_float(cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC))
    return None
