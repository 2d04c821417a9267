"""The table of fields: every config builds, every wrong value is refused by name."""

import importlib.util
import json
import math
import pathlib

import pytest

from configs import faces, vae
from fvae_jax import config as config_lib, fields
from fvae_jax.errors import InputError

CONFIGS = sorted((pathlib.Path(__file__).parents[1] / 'configs').glob('*.py'))
VARIANTS = {
    'faces': [],
    'multipie': ['literal'],
    'photos': ['small'],
    'synthetic': ['tiny', 'content'],
    'vae': ['pyramid'],
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_every_config_builds_in_every_variant(path):
    module = load(path)
    for arg in [None, *VARIANTS[path.stem]]:
        config = module.get_config(arg)
        if config.data.set == 'photos':
            with pytest.raises(InputError, match='config.data.root is empty'):
                config_lib.validate(config)
            config.data.root = 'photos'
        config_lib.validate(config)
        again = config_lib.from_json(config_lib.to_json(config))
        assert again == config and not config_lib.differences(config, again)
        if arg:
            assert f':{arg}' in module.__doc__
    assert 'python -m fvae_jax.main --config=configs/' + path.name in module.__doc__
    with pytest.raises(InputError, match="unknown config variant 'smal'"):
        module.get_config('smal')


def test_the_vae_takes_over_the_run_it_is_compared_with(tmp_path):
    run = load(next(path for path in CONFIGS if path.stem == 'faces')).get_config(None)
    run.data.root = 'DATA'
    (tmp_path / 'config.json').write_text(config_lib.to_json(run))
    module = load(next(path for path in CONFIGS if path.stem == 'vae'))
    for arg, concat in (
        (f'{tmp_path}', 'none'),
        (f'{tmp_path},pyramid', 'pyramid'),
        (f'pyramid,{tmp_path}', 'pyramid'),
    ):
        config = module.get_config(arg)
        config_lib.validate(config)
        assert {line.split(':')[0] for line in config_lib.differences(config, run)} <= {
            'model.decoder',
            'model.source_concat',
            'model.content',
            'model.shading',
            'data.true_flow',
            'loss.exposed_weight',
            'loss.true_flow_weight',
            'loss.shading_weight',
        }
        assert not config.data.exemplars and not config.data.cavity
        assert (config.model.decoder, config.model.source_concat) == ('pixels', concat)


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'source_concat': 'none'}, "needs config.model.decoder = 'pixels'"),
        ({'decoder': 'pixels'}, 'config.confidence.enabled must be False'),
        ({'decoder': 'pixels', 'content': True}, "content = True needs config.model.decoder = 'flow'"),
        ({'content': True, 'exposed_weight': 0.1}, 'exposed_weight = 0.1 needs config.data.true_flow = True'),
        ({'true_flow_weight': 0.1}, 'true_flow_weight = 0.1 needs config.data.true_flow = True'),
        ({'shading_weight': 0.1}, 'shading_weight = 0.1 needs config.data.true_flow = True'),
        ({'decoder': 'pixels', 'shading': True}, "shading = True needs config.model.decoder = 'flow'"),
        ({'cavity': 'ann'}, "config.data.cavity = 'ann' needs config.data.exemplars"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    config = config_lib.default_config()
    for name, value in changes.items():
        config['loss' if name.endswith('weight') else 'data' if name == 'cavity' else 'model'][name] = value
    with pytest.raises(InputError, match=message):
        config_lib.validate(config)


def test_the_defaults_are_the_paper_s_numbers():
    config = config_lib.default_config()
    assert (config.loss.prior_weight, config.loss.flow_weight, config.loss.flow_alpha) == (0.003, 0.001, 10)
    train = config.train
    assert (train.learning_rate, train.beta1, train.beta2, train.batch_size, train.clip) == (3e-4, 0.9, 0.999, 64, 5.0)
    assert config.data.image_size == 128 and config.model.width == 64 and config.data.test_share == 0.2


WRONG = [
    ('train.steps', 0),
    ('train.learning_rate', float('nan')),
    ('train.learning_rate', float('inf')),
    ('data.image_size', 100),
    ('model.decoder', 'layer'),
    ('flow.parameterization', 'tanh'),
    ('seed', -1),
    ('model.width', 15),
    ('data.strengths', ()),
    ('data.strengths', (0.0,)),
    ('data.exclude', (1,)),
    ('name', ''),
    ('loss.flow_sigma', 0.0),
    ('data.identity_pairs', 1.5),
]


@pytest.mark.parametrize('path, value', WRONG, ids=lambda v: str(v))
def test_values_out_of_range_are_refused_by_name(path, value):
    config = config_lib.default_config()
    group, _, name = path.rpartition('.')
    (config[group] if group else config)[name] = value
    with pytest.raises(InputError) as error:
        config_lib.validate(config)
    assert f'config.{path} = {value!r}' in str(error.value) and 'must be' in str(error.value)


# Values of each type that some rule refuses.
CANDIDATES = {
    int: [-1, 0, 1, 100, 2**40],
    float: [-1.0, 0.0, 1.5, 1e9, math.nan, math.inf],
    str: ['', 'nonsense'],
    tuple: [(), ('',), (1,), (0.0,)],
    bool: [],
}
RULED = [path for path, field in fields.FIELDS.items() if field.rule is not fields._ANY]


@pytest.mark.parametrize('path', RULED)
def test_every_field_with_a_rule_refuses_a_value(path):
    field = fields.FIELDS[path]
    wrong = [value for value in CANDIDATES[type(field.default)] if not field.rule.allows(value)]
    assert wrong, f'{path} allows all that was tried: give it a rule that refuses something, or no rule'
    for value in wrong:
        config = config_lib.default_config()
        group, _, name = path.rpartition('.')
        (config[group] if group else config)[name] = value
        with pytest.raises(InputError) as error:
            config_lib.validate(config)
        assert f'config.{path} = {value!r} is out of range; it must be {field.rule.words}' in str(error.value)


def test_parts_of_a_batch_must_divide_it():
    config = config_lib.default_config()
    config.train.accumulate_steps = 3
    with pytest.raises(
        InputError, match='accumulate_steps = 3 does not divide config.train.batch_size = 64; take a divisor'
    ):
        config_lib.validate(config)


@pytest.mark.parametrize('path', fields.FIELDS)
def test_every_field_refuses_another_type(path):
    config = config_lib.default_config()
    group, _, name = path.rpartition('.')
    with config.ignore_type():
        (config[group] if group else config)[name] = b'?'
    with pytest.raises(InputError, match=path.replace('.', r'\.') + '.* must be a'):
        config_lib.validate(config)


def test_unknown_and_missing_fields():
    config = config_lib.default_config()
    config.train.stepps = 3
    with pytest.raises(InputError, match='config.train.stepps is not a field'):
        config_lib.validate(config)
    config = config_lib.default_config()
    del config.train.steps
    with pytest.raises(InputError, match='config.train.steps is missing'):
        config_lib.validate(config)


def test_differences_name_what_changes_the_weights_and_nothing_else():
    a, b = config_lib.default_config(), config_lib.default_config()
    b.train.steps, b.parallel, b.loss.flow_alpha = 7, 'pmap', 2.0
    assert config_lib.differences(a, b) == ['loss.flow_alpha: 10.0, not 2.0']


def test_help_names_every_field():
    text = fields.describe()
    assert all(f'--config.{path}\n' in text for path in fields.FIELDS)


def test_the_literal_variant_is_the_paper_as_printed():
    literal = load(next(path for path in CONFIGS if path.stem == 'multipie')).get_config('literal')
    printed = {
        'flow.parameterization': 'absolute',  # 3.1.1, 5.3: tanh gives normalized absolute coordinates
        'data.image_size': 128,  # 5.2
        'data.identity_pairs': 0.0,  # 5.2: pairs of expressions, never an image with itself
        'data.color_transfer': True,
        'data.flip': True,
        'data.test_share': 0.2,
        **{f'data.jitter_{kind}': 0.0 for kind in ('degrees', 'scale', 'shift', 'color')},
        'model.width': 64,  # Figure 3
        'model.latent_channels': 0,
        'model.source_concat': 'pyramid',
        'model.content': False,
        'confidence.width': 0,  # the mask has g's shape
        'latent.direction': 'paper',  # Algorithm 1, lines 4 and 6
        'latent.mirror': False,
        'loss.prior_weight': 0.003,  # 5.4
        'loss.flow_weight': 0.001,
        'train.batch_size': 64,
        'train.learning_rate': 3e-4,
        'train.beta1': 0.9,
        'train.beta2': 0.999,
        'train.clip': 5.0,
        'train.schedule': 'constant',
    }
    flat = config_lib.flatten(literal)
    assert {path: flat[path] for path in printed} == printed


def test_stored_configs_may_have_fields_that_were_removed_with_the_value_that_is_left():
    stored = json.loads(config_lib.to_json(config_lib.default_config()))
    for path, value in fields.REMOVED.items():
        group, name = path.split('.')
        stored[group][name] = value
    config = config_lib.from_json(json.dumps(stored))
    config_lib.check_fields(config)
    assert config_lib.differences(config, config_lib.from_json(config_lib.to_json(config))) == []
    for path, other in {'model.norm': 'group', 'loss.reduction': 'mean', 'loss.flow_window': 5}.items():
        group, name = path.split('.')
        changed = {**stored, group: {**stored[group], name: other}}
        with pytest.raises(InputError, match=f'config.{path} = {other!r} is no longer supported, only .* is left'):
            config_lib.from_json(json.dumps(changed))
    # A new run has none of them.
    with pytest.raises(InputError, match='config.model.norm is not a field'):
        fields.check_name('model.norm')


def test_a_vae_takes_over_nothing_that_only_a_flow_can_use(tmp_path):
    (tmp_path / 'config.json').write_text(config_lib.to_json(faces.get_config()))
    config = vae.get_config(str(tmp_path))
    assert config.model.decoder == 'pixels'
    assert not any(config.data[name] for name in ('exemplars', 'cavity', 'folds', 'true_flow'))
    config.data.root = 'DATA'
    config_lib.validate(config)
