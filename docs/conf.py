"""Settings of Sphinx for the site, which launch/build_site.py builds."""

import re

import fvae_jax

project = 'fvae_jax'
version = release = fvae_jax.__version__
html_title = f'fvae_jax {version}'
copyright = 'fvae_jax contributors, Apache 2.0'  # the name is Sphinx's

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
myst_heading_anchors = 4
# Docstrings mark code as Markdown does, with one backtick.
default_role = 'code'
highlight_language = 'none'
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
autodoc_preserve_defaults = True  # as they are written: a value may be a path of this machine
autodoc_default_options = {'members': True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# `InputError` is defined in fvae_jax.errors and offered by fvae_jax; either place will do.
suppress_warnings = ['ref.python']
python_use_unqualified_type_names = True
viewcode_follow_imported_members = False  # a name that two modules offer would have its source lead nowhere
maximum_signature_line_length = 90

html_theme = 'furo'
html_static_path = ['site.css']
html_css_files = ['site.css']
html_logo = html_favicon = 'logo.svg'
html_show_sourcelink = html_copy_source = False
html_theme_options = {
    'sidebar_hide_name': False,
    'light_css_variables': {'color-brand-primary': '#0b6e69', 'color-brand-content': '#0b6e69'},
    'dark_css_variables': {'color-brand-primary': '#5fd0c5', 'color-brand-content': '#5fd0c5'},
}

# Code and emphasis mean the same in Markdown and reStructuredText, and so does the star of a list; other marks do not.
_MARKS = re.compile(r'(?m)(`[^`]*`(?!\w)|^ *\* |\*\w[^*\n]*\*)|(`[^`]*`)|([*|\\]|(?<=\w)_(?!\w))')
# A block of code: indented, after an empty line that follows a line that is not indented.
_BLOCKS = re.compile(r'(?m)(^[^\s*].*\n\n)(?= {4}\S)')


def _translate(app, what, name, object_, options, lines):
    """Makes a docstring, written as Markdown, mean the same in reStructuredText."""

    def mark(found):
        same, code, other = found.groups()
        return same or (f'{code}\\ ' if code else f'\\{other}')

    parts = re.split(r'(?m)((?<=\n\n)(?: {4}.*\n|\n(?= {4}))+)', '\n'.join(lines) + '\n')
    text = ''.join(part if number % 2 else _MARKS.sub(mark, part) for number, part in enumerate(parts))
    lines[:] = _BLOCKS.sub(r'\1::\n\n', text).split('\n')


def setup(app):
    """Docstrings are translated before Napoleon reads them, whose priority is 500."""
    app.connect('autodoc-process-docstring', _translate, priority=400)
    app.connect('autodoc-skip-member', lambda app, what, name, member, *_: _is_alias(member) or None)


def _is_alias(member):
    """Whether a member is a field of a named tuple, which the docstring of its class describes."""
    return str(getattr(member, '__doc__', '')).startswith('Alias for field number')
