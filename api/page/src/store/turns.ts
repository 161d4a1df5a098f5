// Answers that overtake each other, and hands that are quicker than the service.

/** Of answers to what is asked again and again, or told by something else. */
export interface Order {
  /** To be called when it is asked. What that returns is called when the answer is there, and tells whether none was taken
   * that was asked for later: it then counts as taken. */
  asked(): () => boolean;
  /** What was asked until now is old, whatever is answered. */
  overtake(): void;
}

export function inOrder(): Order {
  let last = 0;
  let taken = 0;
  return {
    asked() {
      const mine = ++last;
      return () => {
        if (mine < taken) return false;
        taken = mine;
        return true;
      };
    },
    overtake() {
      taken = ++last;
    },
  };
}

/** One piece of work at a time: what a second click asks for while the first is at work is not done. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T | null> {
  let busy = false;
  return async (work) => {
    if (busy) return null;
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  };
}

/** Pieces of work one after another, in the order in which they were asked for. One that fails fails for whoever asked for
 * it alone. */
export function oneAfterAnother(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
