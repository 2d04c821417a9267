// The legend of the flow: each point shows the vector from the center to it.

import {clip} from './numbers.js';

export function drawWheel(canvas) {
  const side = canvas.width;
  const image = new ImageData(side, side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [column - (side - 1) / 2, row - (side - 1) / 2];
      const length = Math.hypot(x, y);
      const at = 4 * (row * side + column);
      if (length > side / 2) continue;
      const saturation = Math.min(length / (side / 2), 1);
      [0, 4, 2].forEach((shift, channel) => {
        const sixths = (((Math.atan2(y, x) * 3 / Math.PI + shift) % 6) + 6) % 6;
        const pure = clip(Math.abs(sixths - 3) - 1, 0, 1);
        image.data[at + channel] = Math.round(255 * (1 - saturation * (1 - pure)));
      });
      image.data[at + 3] = 255;
    }
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}
