"""The table of docs/speed.md, from benchmarks.json."""

import re
from typing import Any

from fvae_jax.errors import InputError

_MARKERS = '<!-- benchmarks -->', '<!-- /benchmarks -->'


def table(report: dict[str, Any]) -> str:
    """What stands between the markers.

    Args:
      report: The content of benchmarks.json.
    """
    machine, threads = report['machine'], report['machine']['threads']
    lines = [
        f'{machine["date"]}, {machine["cores"]} cores of {machine["cpu"]}; threads: jax {threads["jax"]}, torch '
        f'{threads["torch"]}, OpenCV {threads["opencv"]}; Python {machine["python"]}, jax {machine["jax"]}, torch '
        f'{machine["torch"]}, OpenCV {machine["opencv"]}.',
        '',
        '| part | beside | ours, ms | theirs, ms | ratio | target |',
        '|---|---|---|---|---|---|',
    ]
    for row in report['results']:
        missed = '' if row['ratio'] <= row['bar'] else ', missed'
        lines.append(
            f'| {row["part"]} | {row["peer"]} | {_short(row["ours_ms"])} | {_short(row["peer_ms"])} | '
            f'{row["ratio"]:.2f} ± {row["spread"] / 2:.2f} | ≤ {row["bar"]:g}{missed} |'
        )
    if 'further' in report:
        lines += _further(report['further'])
    return '\n'.join(lines)


def _further(facts: dict[str, Any]) -> list[str]:
    """What `--all` found out, as `further` names it."""
    first, edits = facts['compilation_s'], facts['cold_edit_s']
    empty, filled = 'empty cache', 'filled cache'
    lines = [
        '',
        f"The training step of the table reaches {facts['share_of_peak_ours']:.0%} of the machine's "
        f'{facts["matrix_peak_gflops"]:.0f} GFLOP/s (the best product of two matrices), its convolutions counted as '
        f'printed; torch reaches {facts["share_of_peak_peer"]:.0%}. Counted as they are done, with half of the '
        f'products in the upsampling layers saved, ours reaches {facts["share_of_peak_done_ours"]:.0%}.',
        '',
        f'In a new process its first step takes {first[empty]["first step"]:.1f} s with an empty compilation cache, '
        f'{first[filled]["first step"]:.1f} s with a filled one; making the state {first[empty]["state"]:.1f} and '
        f'{first[filled]["state"]:.1f} s.',
        '',
        '| image, w, batch | step, ms | memory of the process, MB | GFLOP/s as printed |',
        '|---|---|---|---|',
    ]
    lines += [
        f'| {row["size"]} px, {row["width"]}, {row["batch"]} | {_short(row["ms"])} | {row["peak_mb"]:.0f} | '
        f'{row["printed"] / row["ms"] / 1e6:.0f} |'
        for row in facts['growth']
    ]
    lines += [
        '',
        '![time of a training step against its arithmetic](step_cost.png)',
        '',
        'One cold edit of the 1920×1080 photo, seconds:',
        '',
        f'| cache | {" | ".join(edits[empty])} | all |',
        '|---' * (len(edits[empty]) + 2) + '|',
    ]
    lines += [
        f'| {cache} | {" | ".join(f"{seconds:.2f}" for seconds in edits[cache].values())} | '
        f'{sum(edits[cache].values()):.2f} |'
        for cache in (empty, filled)
    ]
    return lines


def with_table(text: str, report: dict[str, Any]) -> str:
    """A page with the table between its markers made again.

    Raises:
      InputError: The markers are not there.
    """
    first, last = map(re.escape, _MARKERS)
    renewed, count = re.subn(
        f'({first}\n).*?({last})', lambda found: f'{found[1]}{table(report)}\n{found[2]}', text, flags=re.DOTALL
    )
    if count != 1:
        raise InputError(
            f'docs/speed.md has {count} places {_MARKERS[0]} … {_MARKERS[1]}; make it one, where the table is to be'
        )
    return renewed


def _short(number: float) -> str:
    """Three digits, or all before the point."""
    return f'{number:.0f}' if number >= 100 else f'{number:.3g}'
