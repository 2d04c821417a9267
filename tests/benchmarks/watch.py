"""One edit, cold, part by part; imports nothing before the watch runs: python -m benchmarks.watch MODEL PHOTO OUT"""

import json
import sys
import time


def edit(model: str, photo: str, out: str) -> dict[str, float]:
    """Edits a photo as `fvae edit` does.

    Args:
      model: The model file.
      photo: The photo.
      out: The file to write.

    Returns:
      Seconds of each part; compiling is part of 'encode' and 'decode'.
    """
    parts, last = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        parts[name], last = now - last, now

    from fvae_jax import runtime

    runtime.prepare()
    from fvae_jax.data import align
    from fvae_jax.editing import editor as editor_lib, still
    from fvae_jax.photo.read import read_photo

    lap('imports')
    editor = editor_lib.load(model)
    lap('model')
    read = read_photo(photo)
    lap('read')
    faces = align.detect_faces(read.pixels)
    lap('alignment')
    opened = still.EditablePhoto(editor, read, faces)
    opened.encoded(opened.numbers(None)[0])
    lap('encode')
    expression = 'smile' if 'smile' in editor.expressions else editor.expressions[0]
    edited = opened.edit(**{expression: 1.0})
    lap('decode')
    edited.photo  # noqa: B018 (it is made when it is first asked for)
    lap('warp')
    edited.save(out)
    lap('save')
    return parts


if __name__ == '__main__':
    print(json.dumps(edit(*sys.argv[1:])))
