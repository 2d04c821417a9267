// Photos that are chosen, dropped or pasted.

import {element} from './page.js';

/**
 * Takes photos.
 *
 * @param open called with a file, and whether it is the second photo
 * @param wantsSecond whether one that is dropped or pasted is the second photo
 */
export function offer(open, wantsSecond) {
  for (const [id, second] of [['file', false], ['file-second', true]]) {
    const input = element(id);
    input.addEventListener('change', () => {
      const [file] = input.files;
      input.value = '';
      if (file) open(file, second);
    });
  }
  for (const event of ['dragover', 'dragleave', 'drop']) {
    document.addEventListener(event, (moved) => {
      if (![...(moved.dataTransfer?.types ?? [])].includes('Files')) return;
      moved.preventDefault();
      element('drop').classList.toggle('over', event === 'dragover');
      if (event !== 'drop') return;
      const [file] = moved.dataTransfer.files;
      if (file) open(file, wantsSecond());
    });
  }
  document.addEventListener('paste', (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({type}) => type.startsWith('image/'));
    if (file) open(file, wantsSecond());
  });
}
