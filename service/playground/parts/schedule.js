// Scheduling of work that is asked for faster than it can be done.

/** Return a function that runs `work` with the newest arguments: during a run, only the latest call waits. */
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
