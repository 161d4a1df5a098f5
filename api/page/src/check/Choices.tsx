import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Answer } from "../store/answer";
import { attempt, tell } from "../store/notices";
import type { Outcome } from "../store/outbox";
import { decideFor } from "../store/settling";
import { oneAfterAnother } from "../store/turns";
import { words } from "../words";

export interface Choice {
  label: string;
  settle: () => Promise<Outcome>;
  /** What is told once it is written. */
  said?: string;
  /** It takes back what was settled. */
  opens?: boolean;
}

/** The same of all of these images, going by what counts of each; over what others say, which stays in their files. */
export const settleEach = async (names: readonly string[], change: (now: Answer) => Answer): Promise<Outcome> =>
  (await decideFor(names, change)) ? "written" : "refused";

/** One class for all of these images. */
export const allOf = (names: readonly string[], className: string): Choice => ({
  label: words.check.all(className),
  settle: () => settleEach(names, () => [className]),
  said: words.check.settled(names.length, className),
});

/** Answers to choose from; `done`: that one was taken, where one settles it all. */
export function Choices({ choices, done }: { choices: readonly Choice[]; done?: Signal<boolean> }) {
  const taken = useSignal<string | null>(null);
  const inTurn = useMemo(oneAfterAnother, []); // of two that are pressed, the last one holds
  const settle = async ({ label, settle, said, opens }: Choice) => {
    if ((await settle()) !== "written") return;
    taken.value = label;
    if (done) done.value = !opens;
    tell(said ?? label);
  };
  return (
    <>
      {choices.map((one) => (
        <button
          key={one.label}
          type="button"
          aria-pressed={done ? undefined : taken.value === one.label}
          onClick={() => void inTurn(() => attempt(() => settle(one)))}
        >
          {one.label}
        </button>
      ))}
    </>
  );
}
