// Medians and quantiles. Means are left out on purpose: one pause of a shared machine moves them.

/** The value at `share` (0 to 1) of `sorted`. */
export const quantile = (sorted, share) => sorted[Math.round((sorted.length - 1) * share)];

export const median = (values) => quantile(Float64Array.from(values).sort(), 0.5);
