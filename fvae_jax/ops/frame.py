"""Where the face lies in an aligned crop (5.2)."""

from typing import NamedTuple

import ml_collections
import numpy as np

Region = tuple[tuple[float, float], tuple[float, float]]  # rows and columns, as fractions of the sides


class Frame(NamedTuple):
    """The place of the eye centers, as fractions of the side of the crop; right mirrors left.

    Attributes:
      eye_x: Left eye center across the crop.
      eye_y: Both eye centers, from the top.
    """

    eye_x: float
    eye_y: float

    @property
    def eye_distance(self) -> float:
        """From eye center to eye center, as a fraction of the side."""
        return 1 - 2 * self.eye_x

    def eye_centers(self, size: int) -> np.ndarray:
        """The eye centers in a crop of `size` px: (2, 2), px, left of the picture first."""
        return np.array([[self.eye_x, self.eye_y], [1 - self.eye_x, self.eye_y]]) * size - 0.5

    def region(self, top: float, bottom: float, half_width: float) -> Region:
        """A part of the face, symmetric about its midline, for `ops.crop_region`.

        Args:
          top: First edge, in eye distances below the eyes; negative above.
          bottom: Last edge, likewise.
          half_width: From the midline, in eye distances.
        """
        distance = self.eye_distance
        rows = self.eye_y + distance * top, self.eye_y + distance * bottom
        return rows, (0.5 - distance * half_width, 0.5 + distance * half_width)

    @property
    def mouth(self) -> Region:
        """The mouth and a little of what is around it."""
        return self.region(0.647, 1.324, 0.588)

    @property
    def forehead(self) -> Region:
        """Skin between brows and hair."""
        return self.region(-0.765, -0.353, 0.441)


# 'tight' ends at the chin; in 'wide' a jaw has room to drop.
TIGHT = Frame(0.33, 0.40)
WIDE = Frame(0.37, 0.37)
FRAMES = {'tight': TIGHT, 'wide': WIDE}


def of(config: ml_collections.ConfigDict) -> Frame:
    """The frame of an experiment's crops."""
    return FRAMES[config.data.frame]
