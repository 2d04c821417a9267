"""Stopping, killing, damaging and resuming runs of the tiny config."""

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import time

import jax
import numpy as np
import pytest
from faults import trial

from configs import synthetic
from fvae_jax import config as config_lib, errors
from fvae_jax.data import pipeline
from fvae_jax.errors import InputError
from fvae_jax.photo import write
from fvae_jax.training import checkpoint, experiment, loop

ROOT = pathlib.Path(__file__).parents[2]


def _config(cache, **train):
    config = synthetic.get_config('tiny')
    config.data.cache = str(cache)
    config.train.update(train)
    return config


def _standing(cache, **train):
    """For runs that need not learn: the same compiled step whatever they ask, and the one of test_start.py.

    With a learning rate of nothing, and statistics of the last batch only, evaluations differ by chance.
    """
    config = _config(cache, schedule='constant', learning_rate=1e-30, **train)
    config.model.norm_momentum, config.confidence.enabled = 0.0, False
    return config


@pytest.fixture(scope='module')
def cache(set_cache):
    """One folder for the built set, so that it is drawn once."""
    return set_cache


@pytest.fixture(scope='module')
def finished(copy_run, tmp_path_factory):
    """An uninterrupted run, and its scores."""
    workdir = tmp_path_factory.mktemp('runs') / 'whole'
    scores = copy_run(workdir)
    return workdir, scores


def _weights(workdir, step):
    """Weights and statistics as Orbax stored them, without the code under test."""
    import orbax.checkpoint as ocp

    state = ocp.PyTreeCheckpointer().restore(workdir.absolute() / 'checkpoints' / str(step) / 'state')
    return jax.tree.leaves(state)


def _steps(workdir, **options):
    with contextlib.closing(checkpoint.Checkpoints(workdir, **options)) as saved:
        return saved.steps()


def _assert_same_bits(a, b, step=12):
    first, second = _weights(a, step), _weights(b, step)
    assert len(first) == len(second) > 50
    for x, y in zip(first, second):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


def test_a_run_leaves_what_the_map_says(finished):
    workdir, scores = finished
    evaluation = json.loads((workdir / 'evaluation.json').read_text())
    assert {'people', 'step', 'psnr', 'psnr_copy', 'psnr_mouth', 'psnr_mouth_copy', 'ssim', 'ssim_copy'} <= set(
        evaluation
    )
    assert evaluation['psnr'] == scores['psnr'] and evaluation['split'] == 'test'
    assert {p.name for p in workdir.iterdir()} == {
        'checkpoints',
        'manifests',
        'config.json',
        'evaluation.json',
        'history.jsonl',
        'mask',
        'metrics.jsonl',
        'model.safetensors',
        'parameters.txt',
        'people.json',
        'samples',
        'tensorboard',
        '.lock',
    }
    [mask] = (workdir / 'mask').iterdir()
    assert {p.name for p in mask.iterdir()} == {
        'beta.txt',
        'checkpoints',
        'manifests',
        'config.json',
        'evaluation.json',
        'history.jsonl',
        'metrics.jsonl',
        'samples',
        'tensorboard',
    }
    lines = [json.loads(line) for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines if 'train/loss' in line] == [4, 8, 12]
    assert [line['step'] for line in lines if 'validation/psnr' in line] == [4, 8, 12]
    assert {p.name for p in (workdir / 'samples').iterdir()} == {f'{s:07d}.png' for s in (4, 8, 12)} | {'test.png'}
    assert config_lib.from_json((workdir / 'config.json').read_text()).train.steps == 12


def test_training_lowers_the_loss(finished):
    lines = [json.loads(line) for line in (finished[0] / 'metrics.jsonl').read_text().splitlines()]
    validation = [line['validation/loss'] for line in lines if 'validation/loss' in line]
    assert validation[-1] < validation[0]


def test_evaluating_again_gives_the_same_scores(cache, finished):
    workdir, scores = finished
    assert experiment.evaluate(_config(cache), workdir) == scores


def _run(command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def _wait_for(condition, process):
    deadline = time.monotonic() + 3000
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None, 'the run ended or stalled too early'
        time.sleep(0.02)


@pytest.mark.slow
# Read without a target on purpose: Orbax then takes the stored shapes, and says so.
@pytest.mark.filterwarnings('ignore:Sharding info not provided')
@pytest.mark.parametrize('delay', [0.0, 0.4])
def test_kill_9_and_start_again_ends_with_the_same_bits(cache, finished, tmp_path, delay):
    workdir = tmp_path / 'killed'
    process = subprocess.Popen(trial.training(workdir, cache), cwd=ROOT, stderr=subprocess.DEVNULL)
    _wait_for((workdir / 'manifests' / '4.json').exists, process)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    again = _run(trial.training(workdir, cache))
    assert again.returncode == 0, again.stderr
    assert 'resumed at step' in again.stderr
    _assert_same_bits(finished[0], workdir)
    # The mask as well: the model file holds both.
    assert (finished[0] / 'model.safetensors').read_bytes() == (workdir / 'model.safetensors').read_bytes()
    steps = [json.loads(line)['step'] for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
    assert steps == [4, 4, 8, 8, 12, 12]


@pytest.mark.slow
def test_a_polite_stop_saves_at_once_and_says_so(cache, finished, tmp_path):
    workdir = tmp_path / 'stopped'
    process = subprocess.Popen(
        trial.training(workdir, cache, '--config.train.evaluate_every=1000', '--config.train.steps=100000'),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(lambda: (workdir / 'metrics.jsonl').exists(), process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=3000)
    assert process.returncode == 75 and 'stopped by SIGTERM at step' in stderr and 'Traceback' not in stderr
    assert _steps(workdir)


# Read without a target on purpose: Orbax then takes the stored shapes, and says so.
@pytest.mark.filterwarnings('ignore:Sharding info not provided')
def test_a_changed_file_is_named_and_the_step_before_is_used(cache, finished, copy_run, tmp_path, caplog):
    workdir = tmp_path / 'damaged'
    copy_run(workdir)
    largest = max((workdir / 'checkpoints' / '12' / 'state').rglob('*'), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    with caplog.at_level('INFO', logger='fvae_jax'):
        experiment.train(_config(cache), workdir)
    assert f'file {largest.relative_to(workdir / "checkpoints" / "12")} is changed' in caplog.text
    assert 'resumed at step 8' in caplog.text and (workdir / 'damaged' / '12').is_dir()
    _assert_same_bits(finished[0], workdir)


def test_every_flipped_byte_and_every_truncation_is_noticed(finished, tmp_path):
    """300 flips and 100 truncations at random places of a step's files, manifest included."""
    workdir = tmp_path / 'run'
    for part in ('checkpoints/12', 'manifests'):
        shutil.copytree(finished[0] / part, workdir / part)
    assert checkpoint.damage(workdir, 12) is None
    files = [workdir / 'manifests' / '12.json', *sorted(p for p in (workdir / 'checkpoints').rglob('*') if p.is_file())]
    sizes = np.array([path.stat().st_size for path in files], float)
    rng = np.random.default_rng(0)
    unnoticed = []
    for attempt in range(400):
        path = files[rng.choice(len(files), p=(sizes > 0) / (sizes > 0).sum())]
        whole = path.read_bytes()
        place = int(rng.integers(len(whole)))
        if attempt < 300:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :])
        else:
            path.write_bytes(whole[:place])
        if checkpoint.damage(workdir, 12) is None:
            unnoticed.append((path.name, place))
        path.write_bytes(whole)
    # The line break at the end of the manifest may be missing.
    assert set(unnoticed) <= {('12.json', files[0].stat().st_size - 1)}


def test_a_save_without_manifest_does_not_count(copy_run, tmp_path):
    workdir = tmp_path / 'run'
    copy_run(workdir)
    (workdir / 'manifests' / '12.json').unlink()
    (workdir / 'checkpoints' / '13').mkdir()
    assert _steps(workdir) == [8]


def test_nan_stops_the_run_names_the_step_and_keeps_the_checkpoint(cache, tmp_path, monkeypatch):
    real = pipeline.training_batches

    def poisoned(*args):
        """The real stream with a NaN in its sixth batch."""
        for number, batch in enumerate(real(*args), 1):
            if number == 6:
                batch['target'][0, 0, 0, 0] = np.nan
            yield batch

    monkeypatch.setattr(pipeline, 'training_batches', poisoned)
    with pytest.raises(errors.Diverged, match='step 6: .*loss is nan.*checkpoint of step 4 is kept'):
        experiment.train(_config(cache), tmp_path / 'run')
    assert _steps(tmp_path / 'run') == [4]


def test_early_stopping(cache, tmp_path):
    workdir = tmp_path / 'run'
    experiment.train(_standing(cache, steps=400, evaluate_every=2, patience=2), workdir)
    lines = [json.loads(line) for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
    found = {line['step']: line['validation/loss'] for line in lines if 'validation/loss' in line}
    best = min(found, key=found.get)
    assert max(found) == max(line['step'] for line in lines) == best + 2 * 2 < 400
    # No sooner: until then an evaluation or the one after it was better than all before.
    records = [step for step in found if found[step] == min(loss for s, loss in found.items() if s <= step)]
    assert np.diff(records).max(initial=0) <= 2 * 2


def test_another_config_is_refused_with_the_fields_that_differ(cache, finished):
    config = _config(cache)
    config.loss.flow_alpha = 1.0
    with pytest.raises(InputError, match='loss.flow_alpha: 1.0, not 10.0.*new --workdir'):
        experiment.train(config, finished[0])


def test_a_workdir_that_cannot_be_made(cache, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot be used .*--workdir'):
        experiment.train(_config(cache), tmp_path / 'file' / 'run')


def test_evaluating_nothing(cache, tmp_path):
    with pytest.raises(InputError, match='holds no run; train first'):
        experiment.evaluate(_config(cache), tmp_path / 'none')


@pytest.mark.parametrize('key', ['digest', 'images'])
def test_other_images_than_the_run_began_with_are_refused(cache, finished, key):
    people = finished[0] / 'people.json'
    before = people.read_text()
    people.write_text(before.replace(f'"{key}": "', f'"{key}": "0'))
    with pytest.raises(InputError, match='not those that the run .* began with'):
        experiment.evaluate(_config(cache), finished[0])
    people.write_text(before)


def _photos(folder):
    """People of random crops, and the config that trains on them in two steps."""
    rng = np.random.default_rng(0)
    for person in 'abcde':
        (folder / 'photos' / person).mkdir(parents=True)
        for expression in ('neutral', 'smile'):
            write.write_png(
                folder / 'photos' / person / f'{expression}.png', rng.integers(0, 256, (64, 64, 3), np.uint8)
            )
    config = _standing(folder / 'cache', steps=2, evaluate_every=1)
    config.data.update(set='photos', root=str(folder / 'photos'), aligned=True)
    return config


def test_photos_overwritten_under_the_same_names_are_refused_and_touched_ones_are_not(tmp_path):
    config, run, photos = _photos(tmp_path), tmp_path / 'run', sorted((tmp_path / 'photos').rglob('*.png'))
    experiment.train(config, run)
    for photo in photos:
        photo.touch()
    config.train.steps = 3
    experiment.train(config, run)
    whole = photos[3].read_bytes()
    photos[3].write_bytes(photos[0].read_bytes())
    for open_again in (experiment.train, experiment.evaluate):
        with pytest.raises(InputError, match='images are not those that the run .* began with; restore them'):
            open_again(config, run)
    photos[3].write_bytes(whole)
    experiment.evaluate(config, run)


def test_a_run_from_before_images_had_a_digest_goes_on_and_remembers_those_of_now(tmp_path, caplog):
    config, run = _photos(tmp_path), tmp_path / 'run'
    experiment.train(config, run)
    people = run / 'people.json'
    complete = people.read_text()
    old = json.loads(complete)
    del old['images']
    people.write_text(json.dumps(old))
    config.train.steps = 3
    with caplog.at_level('INFO', logger='fvae_jax'):
        experiment.train(config, run)
    assert 'people.json has no digest of the images yet' in caplog.text and people.read_text() == complete
    old['digest'] = '0'
    people.write_text(json.dumps(old))
    with pytest.raises(InputError, match='images are not those'):
        experiment.train(config, run)


def test_training_shows_nothing_of_the_libraries_under_it(tmp_path, capfd, caplog):
    """Neither what Orbax and TFDS log nor what they print, where nobody has set up logging."""
    config = _photos(tmp_path)
    experiment.train(config, tmp_path / 'run')
    config.train.steps = 3
    experiment.train(config, tmp_path / 'run')
    shown = capfd.readouterr()
    bars = [line for line in shown.err.replace('\r', '\n').splitlines() if line.strip()]
    assert shown.out == '' and all(line.startswith('FVAE:') for line in bars), shown
    assert {record.name for record in caplog.records if record.levelname == 'WARNING'} <= {'fvae_jax'}, caplog.text


def test_the_model_file_does_not_say_where_the_data_lay(cache, finished):
    content = (finished[0] / 'model.safetensors').read_bytes()
    assert str(cache).encode() not in content and b'drawn in code' in content


def test_the_best_step_outlives_the_newest_two(cache, copy_run, tmp_path):
    """A reader beside the run sees the same steps and moves nothing."""
    config, workdir = _config(cache), tmp_path / 'run'
    copy_run(workdir)
    faces = experiment.open_faces(config)
    _, state = loop.load_best(experiment._fvae_task(config, faces), workdir)
    saved = checkpoint.Checkpoints(workdir)
    for later, score in ((13, 0.0), (14, -1.0), (15, -2.0), (16, -3.0)):
        saved.save(later, state, {'step': later}, score)
    assert saved.best_step() == 13 and saved.steps() == [13, 15, 16]
    saved.close()
    (workdir / 'manifests' / '16.json').unlink()
    assert _steps(workdir, read_only=True) == [13, 15] and (workdir / 'checkpoints' / '16').exists()


@pytest.mark.slow
def test_a_run_may_go_on_with_pmap(cache, tmp_path):
    """Eight steps under jit and four under pmap are twelve steps, up to rounding; the mask goes the same way."""

    def config(steps, how):
        config = _config(cache, steps=steps, schedule='constant')
        config.parallel, config.confidence.steps = how, 4
        return config

    whole = experiment.train(config(12, 'jit'), tmp_path / 'whole')
    experiment.train(config(8, 'jit'), tmp_path / 'mixed')
    mixed = experiment.train(config(12, 'pmap'), tmp_path / 'mixed')
    assert mixed == pytest.approx(whole, rel=1e-3)
    masks = [
        json.loads(sorted((tmp_path / run / 'mask').glob('*/evaluation.json'))[-1].read_text())
        for run in ('whole', 'mixed')
    ]
    assert masks[0]['cross_entropy'] == pytest.approx(masks[1]['cross_entropy'], rel=1e-3)
