import { useSignal } from "@preact/signals";
import { Problem } from "../service/service";
import { attempt } from "../store/notices";
import { isGone, Refusal } from "./Refusal";

/** For what a view asks of itself: that a folder is gone stands there until it is back. */
export function useRefused() {
  const problem = useSignal<Problem | null>(null);
  const orShown = (work: () => Promise<unknown>) =>
    attempt(async () => {
      try {
        await work();
        problem.value = null;
      } catch (error) {
        if (!(error instanceof Problem) || !isGone(error)) throw error;
        problem.value = error;
      }
    });
  return { orShown, refused: problem.value && <Refusal problem={problem.value} /> };
}
