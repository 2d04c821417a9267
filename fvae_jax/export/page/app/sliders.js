// Sliders with a name, a number, and a button that sets them back.

export class Slider {
  /**
   * @param options title, min, max, step, value at the start, show: a number as text, changed: called with the number,
   *   picture: a button with what 1 shows, or null
   */
  constructor(parent, {title, min, max, step, value, show, changed, picture = null}) {
    this.start = value;
    this.show = show;
    const id = `slider-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
    const row = document.createElement('div');
    row.className = 'slider';
    const label = Object.assign(document.createElement('label'), {htmlFor: id, textContent: title});
    this.input = Object.assign(document.createElement('input'), {id, type: 'range', min, max, step});
    this.output = Object.assign(document.createElement('output'), {htmlFor: id});
    this.button = Object.assign(document.createElement('button'), {type: 'button', className: 'quiet', textContent: '↺'});
    this.button.setAttribute('aria-label', `Reset ${title}`);
    row.append(label, this.output, this.button, this.input);
    parent.append(row);
    this.input.style.setProperty('--zero', this.#place(0)); // the bar is filled from there
    this.value = value;
    this.input.addEventListener('input', () => {
      this.#tell();
      changed(this.value);
    });
    this.button.addEventListener('click', () => {
      this.value = this.start;
      this.input.focus();
      changed(this.value);
    });
    if (!picture) return;
    row.prepend(picture);
    picture.setAttribute('aria-label', `${title} at ${show(1)}, or back`);
    picture.addEventListener('click', () => {
      this.value = this.value === 1 ? this.start : 1;
      changed(this.value);
    });
  }

  get value() {
    return Number(this.input.value);
  }

  set value(value) {
    this.input.value = String(value);
    this.#tell();
  }

  /** Where a number lies on the bar, 0 to 1. */
  #place(value) {
    const {min, max} = this.input;
    return String((value - min) / (max - min));
  }

  #tell() {
    const text = this.show(this.value);
    this.output.textContent = text;
    this.input.setAttribute('aria-valuetext', text);
    this.input.style.setProperty('--at', this.#place(this.value));
    this.button.disabled = this.value === this.start;
  }
}
