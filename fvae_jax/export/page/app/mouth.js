// Whether a mouth is open; as editing/mouth.py has it.

const OPEN = 0.5; // opening from which a pixel of the crop lies between the lips
const LEAST = 0.012; // squared eye distances: what is smaller is a closed mouth
const TOOTHY = 0.03; // squared eye distances: what is smaller shows a line of teeth at most

/** Whether lips are apart. */
export function isOpen(opening, model) {
  return area(opening, model) > LEAST;
}

/** Whether lips are far enough apart for teeth. */
export function mayShowTeeth(opening, model) {
  return area(opening, model) > TOOTHY;
}

function area(opening, {goals}) {
  return opening.filter((value) => value > OPEN).length / (goals[1][0] - goals[0][0]) ** 2;
}
