// Small sums that several files share.

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** How far a value is on the way from one to another, 0 to 1. */
export const between = (value, [from, to]) => clip((value - from) / (to - from), 0, 1);
