"""Makes the pictures of docs/editing.md again: python launch/editing_pictures.py

The model that ships edits the composite faces in docs/, averages of many people's (DeBruine 2016, doi
10.6084/m9.figshare.4055130.v1, CC BY 4.0, cropped), and, where teeth must be seen, NASA's public-domain portrait of
Eileen Collins (scikit-image's `astronaut`).
"""

import pathlib
from collections.abc import Mapping

import numpy as np
import skimage.data
import tqdm
from PIL import Image

import fvae_jax
from fvae_jax.editing import morph
from fvae_jax.editing.editor import Editor
from fvae_jax.editing.still import EditablePhoto
from fvae_jax.ops import grid, image as image_ops
from fvae_jax.photo import output

DOCS = pathlib.Path(__file__).resolve().parents[1] / 'docs'
FACES = ('face', 'east_asian', 'african', 'west_asian')  # docs/composite_NAME.jpg
EXPRESSIONS = ('smile', 'smile_closed', 'squint', 'brow_raise', 'sad', 'pucker', 'surprise', 'scream', 'disgust')
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
SUMS = (
    {'smile': 0.8, 'brow_raise': 0.7},
    {'smile_closed': 1.0, 'squint': 0.8},
    {'sad': 1.0, 'brow_raise': 0.6},
    {'surprise': 0.7, 'sad': 0.7},
    {'smile': 1.0, 'squint': -0.6},
)
SECONDS, FPS = 2.0, 12.0
_PRINTED = str.maketrans('_-', ' −')


def face_of(pixels: np.ndarray, photo: EditablePhoto, side: int) -> np.ndarray:
    """Returns the main face of a photo, in the pixels of the same photo edited, (side, side, 3) uint8."""
    crop, _ = morph.native_crop(pixels, photo.matrix(photo.numbers(None)[0]), photo.model.size, side)
    return image_ops.to_uint8(crop)


def row(photo: EditablePhoto, edits: list[Mapping[str, float]], side: int) -> list[np.ndarray]:
    """Returns a face once for each edit."""
    return [face_of(photo.edit(edit).to_array(), photo, side) for edit in edits]


def words(edit: Mapping[str, float]) -> str:
    """Returns the label of an edit."""
    return ', '.join(f'{name} {strength:g}' for name, strength in edit.items()).translate(_PRINTED) or 'the photo'


def expressions(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """Every expression, beside the photos."""
    edits = [{}, *({name: 1.0} for name in EXPRESSIONS)]
    columns = [row(photo, edits, 170) for photo in faces]
    labels = ['the photo', *(name.translate(_PRINTED) for name in EXPRESSIONS)]
    return grid.image_grid(list(zip(*columns)), [''] * len(faces), labels, scale=1, text=16)


def strengths(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """Expressions by strength."""
    shown = ('smile', 'brow_raise', 'squint', 'sad', 'surprise')
    rows = [row(faces[0], [{name: strength} for strength in STRENGTHS], 135) for name in shown]
    labels = [f'{strength:g}'.translate(_PRINTED) for strength in STRENGTHS]
    return grid.image_grid(rows, labels, [name.translate(_PRINTED) for name in shown], scale=1, text=16)


def several(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """Several expressions at once."""
    return grid.image_grid([row(faces[1], list(SUMS), 190)], [words(edit) for edit in SUMS], scale=1, text=16)


def teeth(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """The smile of a portrait taken away and given back, with other people's teeth and with her own."""
    portrait = editor.open(skimage.data.astronaut())
    calm = editor.open(portrait.edit(neutral=1.33).to_array())
    pictures = {
        'the photo': portrait.photo.pixels,
        'with the teeth of others': calm.edit(smile=1.0).to_array(),
        'with her own': calm.edit(smile=1.0, teeth=portrait).to_array(),
    }
    cells = [face_of(picture, portrait, 300) for picture in pictures.values()]
    return grid.image_grid([cells], list(pictures), scale=1, text=16)


def group(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """One photo of three people: as it is, one who smiles, all who smile."""
    photo = editor.open(np.concatenate([face.photo.pixels for face in faces[1:]], axis=1))
    left_to_right = sorted(photo.numbers('all'), key=lambda number: photo.faces[number - 1].box[0])
    middle = left_to_right[1]
    edits = [photo.edit({}), photo.edit(smile=1.0, face=middle), photo.edit(smile=1.0, face='all')]
    height, width = photo.photo.pixels.shape[:2]
    size = 600, round(600 * height / width)
    cells = [np.asarray(Image.fromarray(edit.to_array()).resize(size, Image.Resampling.LANCZOS)) for edit in edits]
    return grid.image_grid(
        [[cell] for cell in cells], [''], ['the photo', f'--face {middle}', '--face all'], scale=1, text=16
    )


def film(editor: Editor, faces: list[EditablePhoto]) -> np.ndarray:
    """Frames of a film in which a smile appears."""
    photo, count = faces[3], round(SECONDS * FPS) + 1
    frames = editor.edit_frames([photo.photo.pixels] * count, smile=lambda seconds: seconds / SECONDS, fps=FPS)
    shown = range(0, count, 4)
    cells = [face_of(frame, photo, 150) for number, frame in enumerate(frames) if number in shown]
    return grid.image_grid([cells], [f'{number / FPS:.1f} s' for number in shown], scale=1, text=16)


# Those that show composite faces say so in their names.
PICTURES = {
    'composite_expressions.jpg': expressions,
    'composite_strengths.jpg': strengths,
    'composite_several.jpg': several,
    'composite_group.jpg': group,
    'composite_film.jpg': film,
    'teeth.jpg': teeth,
}


def main() -> None:
    """Writes docs/NAME for each of `PICTURES`."""
    editor = fvae_jax.load()
    faces = [editor.open(DOCS / f'composite_{name}.jpg') for name in FACES]
    for name, draw in tqdm.tqdm(PICTURES.items(), unit='picture'):
        picture = Image.fromarray(draw(editor, faces))
        with output.replacing(DOCS / name) as temporary:
            picture.save(temporary, 'JPEG', quality=82, optimize=True, progressive=True)


if __name__ == '__main__':
    main()
