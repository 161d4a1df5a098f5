import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { replace } from "../store/desk";
import { attempt, tell } from "../store/notices";
import type { Outcome } from "../store/outbox";
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

/** One class for all of these images. */
export const allOf = (names: readonly string[], className: string): Choice => ({
  label: words.check.all(className),
  settle: () => replace(names, [className]),
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
