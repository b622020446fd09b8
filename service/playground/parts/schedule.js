// When work runs.

/** Run `work` with the newest arguments: while it runs, a later call waits and replaces the one that waited. */
export function latest(work) {
  let running = false;
  let waiting = null;
  return async function run(...given) {
    if (running) {
      waiting = given;
      return;
    }
    running = true;
    try {
      await work(...given);
    } finally {
      running = false;
      const next = waiting;
      waiting = null;
      if (next) run(...next);
    }
  };
}
