'use strict';
{
  const study = JSON.parse(document.getElementById('study').textContent);
  const names = Object.keys(study.images);
  const place = `study-${study.id}`;
  const keys = new Map([['r', 'real'], ['1', 'real'], ['f', 'fake'], ['2', 'fake'], ['s', 'skip'], ['3', 'skip']]);
  const element = (id) => document.getElementById(id);
  const buttons = [...document.querySelectorAll('[data-answer]')];
  let state = null;
  let stored = true;
  let saved = false;

  const shuffled = (values) => {
    const marks = crypto.getRandomValues(new Uint32Array(values.length));
    return values.map((_, i) => i).sort((a, b) => marks[a] - marks[b]).map((i) => values[i]);
  };

  const begin = () => ({
    participant: [...crypto.getRandomValues(new Uint8Array(8))].map((x) => x.toString(16).padStart(2, '0')).join(''),
    started: new Date().toISOString(),
    finished: null,
    order: shuffled(names),
    position: 0,
    answers: {},
  });

  // Some browsers refuse storage to files, or in private windows, by throwing an error at any of these lines.
  const withStorage = (action) => {
    try {
      return action(window.localStorage);
    } catch {
      stored = false;
      return null;
    }
  };

  const recall = () => {
    const text = withStorage((storage) => {
      storage.setItem(`${place}-test`, '');
      storage.removeItem(`${place}-test`);
      return storage.getItem(place);
    });
    return text === null ? null : JSON.parse(text);
  };

  const keep = () => {
    withStorage((storage) => storage.setItem(place, JSON.stringify(state)));
    element('notice').hidden = stored;
  };

  const show = () => {
    const section = state === null ? 'intro' : state.position < names.length ? 'judge' : 'end';
    for (const id of ['intro', 'judge', 'end']) element(id).hidden = id !== section;
    element('notice').hidden = stored;
    if (section === 'judge') showPicture();
    if (section === 'end') showSummary();
    window.scrollTo(0, 0);
    element(section).querySelector('[tabindex]').focus({preventScroll: true});
  };

  const showPicture = () => {
    const name = state.order[state.position];
    const picture = new Image();
    picture.src = study.images[name];
    picture.alt = 'The face to judge';
    element('frame').replaceChildren(picture);
    element('progress').textContent = `${state.position + 1} of ${names.length}`;
    element('bar').style.width = `${(100 * state.position) / names.length}%`;
    for (const button of buttons) {
      button.setAttribute('aria-pressed', String(button.dataset.answer === state.answers[name]));
    }
    element('back').hidden = state.position === 0;
    element('next').hidden = !(name in state.answers);
  };

  const showSummary = () => {
    const given = Object.values(state.answers);
    const count = (answer) => given.filter((other) => other === answer).length;
    element('summary').textContent = `You have seen all ${names.length} pictures. You called ${count('real')} of them `
      + `real and ${count('fake')} fake, and skipped ${count('skip')}.`;
  };

  const move = (step) => {
    state.position += step;
    keep();
    show();
  };

  const answer = (given) => {
    state.answers[state.order[state.position]] = given;
    saved = false;
    element('saved').textContent = '';
    if (Object.keys(state.answers).length === names.length) state.finished = new Date().toISOString();
    move(1);
  };

  const back = () => {
    if (state.position > 0) move(-1);
  };

  const next = () => {
    if (state.order[state.position] in state.answers) move(1);
  };

  const save = () => {
    const {participant, started, finished, answers, order} = state;
    const content = {study: study.id, participant, started, finished, answers, order};
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], {type: 'application/json'}));
    link.download = `answers-${participant}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    saved = true;
    element('saved').textContent = `Saved as ${link.download}, where your browser puts downloads.`;
  };

  const erase = () => {
    if (!window.confirm('Erase your answers from this browser? They cannot be brought back.')) return;
    withStorage((storage) => storage.removeItem(place));
    state = null;
    element('saved').textContent = '';
    show();
  };

  for (const count of document.querySelectorAll('[data-count]')) count.textContent = names.length;
  element('start').addEventListener('click', () => {
    state = begin();
    keep();
    show();
  });
  for (const button of buttons) {
    button.addEventListener('click', (event) => {
      // The second half of a double click is not about the next picture.
      if (event.detail < 2) answer(button.dataset.answer);
    });
  }
  for (const button of document.querySelectorAll('.erase')) button.addEventListener('click', erase);
  element('back').addEventListener('click', back);
  element('correct').addEventListener('click', back);
  element('next').addEventListener('click', next);
  element('save').addEventListener('click', save);
  document.addEventListener('keydown', (event) => {
    if (element('judge').hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const given = keys.get(event.key.toLowerCase());
    if (given) answer(given);
    else if (event.key === 'ArrowLeft') back();
    else if (event.key === 'ArrowRight') next();
    else return;
    event.preventDefault();
  });
  window.addEventListener('beforeunload', (event) => {
    if (!stored && state !== null && !saved) event.preventDefault();
  });

  state = recall();
  if (state !== null) show();
  element('notice').hidden = stored;
}
