import { useSignal } from "@preact/signals";
import { attempt } from "../store/notices";

/** For a button that is disabled while what it began is under way: whether it is, and what begins it. A click that comes
 * before that is shown does nothing. What the service refuses is told. */
export function useBusy(): [isBusy: boolean, begin: (work: () => Promise<unknown>) => Promise<void>] {
  const busy = useSignal(false);
  const begin = async (work: () => Promise<unknown>) => {
    if (busy.peek()) return;
    busy.value = true;
    try {
      await attempt(work);
    } finally {
      busy.value = false;
    }
  };
  return [busy.value, begin];
}
