// The standard normal distribution, for a pad that is divided into equal probabilities.

/** Return the probability of less than `z` by the Taylor series, for |z| up to about 6. */
export function normalProbability(z) {
  let term = z;
  let sum = z;
  for (let k = 1; Math.abs(term) > 1e-17; k += 1) {
    term *= (z * z) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + sum * density(z);
}

/** Return the value below which the share `p` lies, by Newton's method, which from 0 approaches it from one side. */
export function normalQuantile(p) {
  let z = 0;
  for (let i = 0; i < 30; i += 1) {
    const step = (p - normalProbability(z)) / density(z);
    z += step;
    if (Math.abs(step) < 1e-12) break;
  }
  return z;
}

function density(z) {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}
