// The button that shows, while it is held, the photo as it was.

import {element, on, press} from './page.js';

/**
 * Makes the button work.
 *
 * @param changed called with whether it is held
 */
export function offer(changed) {
  const hold = (held) => {
    press('compare', held);
    changed(held);
  };
  on('compare', 'pointerdown', (event) => {
    element('compare').setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const event of ['pointerup', 'pointercancel', 'blur']) on('compare', event, () => hold(false));
  for (const [event, held] of [['keydown', true], ['keyup', false]]) {
    on('compare', event, ({key}) => {
      if (key === ' ' || key === 'Enter') hold(held);
    });
  }
  on('compare', 'contextmenu', (event) => event.preventDefault());
}
