// Answers that overtake each other, and hands that are quicker than the service.

/** Of answers to what is asked again and again: to be called when it is asked. What that returns is called when the answer
 * is there, and tells whether none was taken that was asked for later. */
export function inOrder(): () => () => boolean {
  let asked = 0;
  let taken = 0;
  return () => {
    const mine = ++asked;
    return () => {
      if (mine < taken) return false;
      taken = mine;
      return true;
    };
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
