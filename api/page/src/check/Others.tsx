// What is no model's guess: what was left for later, near-copies that disagree, leaks.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { OneCheck, Results, SeveralCheck } from "../service/types";
import { Photo } from "../shared/Photo";
import { changeAll, replace } from "../store/desk";
import { tell } from "../store/notices";
import type { Outcome } from "../store/outbox";
import { disputes, settled, theProject } from "../store/project";
import { withClass, withoutClass } from "../store/suspects";
import { words } from "../words";

export const MOST_ROWS = 100;
const MOST_COPIES = 6;

/** Labels of others that this person sees otherwise, and left for later. */
export function Disputes() {
  const { disputes: heading, disputesHint, theirs, mine } = words.check;
  return (
    <Block heading={heading} hint={disputesHint} count={disputes.value.length}>
      {disputes.value.slice(0, MOST_ROWS).map((one) => (
        <li key={one.theirs.name}>
          <Photo name={one.theirs.name} side={160} alt={one.theirs.name} />
          <p class="grow name">{one.theirs.name}</p>
          <button type="button" onClick={() => settled(one.theirs.name)}>
            {theirs(one.theirs.class, one.theirs.person)}
          </button>
          <button
            type="button"
            onClick={async () => {
              if ((await replace([one.theirs.name], one.answer ?? [one.mine])) === "written") settled(one.theirs.name);
            }}
          >
            {mine(one.mine)}
          </button>
        </li>
      ))}
    </Block>
  );
}

export function Others({ result }: { result: Results["label_check"] }) {
  const { leaks } = result;
  const { check } = words;
  const { valPool } = theProject();
  return (
    <div class="others">
      {"task" in result ? <SeveralCopies result={result} /> : <Copies result={result} />}
      <Block heading={check.leaks} hint={check.leaksHint} count={leaks.length}>
        {leaks.slice(0, MOST_ROWS).map((one) => (
          <li key={`${one.name} ${one.validation_name}`}>
            <Photo name={one.name} side={160} alt={one.name} />
            {valPool && <Photo pool={valPool} name={one.validation_name} side={160} alt={one.validation_name} />}
            <p class="grow small">
              <span class="name">
                {one.name} ↔ {one.validation_name}
              </span>
              <span class="hint">
                {one.identical ? check.identical : check.nearly};{" "}
                {one.class === one.validation_class
                  ? check.both(one.class)
                  : check.hereAndThere(one.class, one.validation_class)}
              </span>
            </p>
          </li>
        ))}
      </Block>
    </div>
  );
}

function Copies({ result }: { result: OneCheck }) {
  const { check } = words;
  const copies = result.copies_that_disagree;
  return (
    <Block heading={check.copies} hint={check.copiesHint} count={copies.length}>
      {copies.slice(0, MOST_ROWS).map(({ names, classes }) => (
        <Row key={names[0]} choices={[...new Set(classes)].map((one) => allOf(names, one))}>
          <Strip names={names} />
          <p class="grow small">
            {names
              .slice(0, MOST_COPIES)
              .map((name, at) => check.copyOf(name, classes[at] ?? classes.join(" / ")))
              .join(", ")}
          </p>
        </Row>
      ))}
    </Block>
  );
}

function SeveralCopies({ result }: { result: SeveralCheck }) {
  const { check } = words;
  const copies = result.copies_that_disagree;
  const both = (names: readonly string[], one: string): Choice[] => [
    { label: check.haveIt(one), settle: () => changeAll(names, (now) => withClass(now, one)) },
    { label: check.lackIt(one), settle: () => changeAll(names, (now) => withoutClass(now, one)) },
  ];
  return (
    <Block heading={check.copies} hint={check.copiesHint} count={copies.length}>
      {copies.slice(0, MOST_ROWS).map(({ names, classes }) => (
        <li key={names.join()}>
          <Strip names={names} />
          <p class="grow small">{check.severalCopies(names.slice(0, MOST_COPIES).join(", "), classes.join(", "))}</p>
          {classes.map((one) => (
            <Choices key={one} choices={both(names, one)} />
          ))}
        </li>
      ))}
    </Block>
  );
}

function Strip({ names }: { names: readonly string[] }) {
  return (
    <div class="strip">
      {names.slice(0, MOST_COPIES).map((name) => (
        <Photo key={name} name={name} side={160} alt={name} />
      ))}
    </div>
  );
}

export function Block({
  heading,
  hint,
  count,
  children,
}: {
  heading: string;
  hint: string;
  count: number;
  children: ComponentChildren;
}) {
  if (!count) return null;
  return (
    <section class="card">
      <h2>{words.check.heading2(heading, count)}</h2>
      <p class="hint">{hint}</p>
      <ul class="rows">{children}</ul>
    </section>
  );
}

export interface Choice {
  label: string;
  settle: () => Promise<Outcome>;
  /** What is told once it is written. */
  said?: string;
}

/** One class for all of these images. */
export const allOf = (names: readonly string[], className: string): Choice => ({
  label: words.check.all(className),
  settle: () => replace(names, [className]),
  said: words.check.settled(names.length, className),
});

/** What one answer settles. */
export function Row({ choices, children }: { choices: readonly Choice[]; children: ComponentChildren }) {
  const done = useSignal(false);
  return (
    <li class={done.value ? "done" : ""}>
      {children}
      <Choices choices={choices} done={done} />
    </li>
  );
}

function Choices({ choices, done }: { choices: readonly Choice[]; done?: Signal<boolean> }) {
  const taken = useSignal<string | null>(null);
  const settle = async ({ label, settle, said }: Choice) => {
    if ((await settle()) !== "written") return;
    taken.value = label;
    if (done) done.value = true;
    tell(said ?? label);
  };
  return (
    <>
      {choices.map((one) => (
        <button
          key={one.label}
          type="button"
          aria-pressed={done ? undefined : taken.value === one.label}
          onClick={() => void settle(one)}
        >
          {one.label}
        </button>
      ))}
    </>
  );
}
