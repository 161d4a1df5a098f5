// What is no model's guess: what was left for later, near-copies that disagree, leaks.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Results } from "../service/types";
import { Photo } from "../shared/Photo";
import { replace } from "../store/desk";
import { tell } from "../store/notices";
import { disputes, settled, theProject } from "../store/project";
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
              if ((await replace([one.theirs.name], one.mine)) === "written") settled(one.theirs.name);
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
  const { copies_that_disagree: copies, leaks } = result;
  const { check } = words;
  const { valPool } = theProject();
  return (
    <div class="others">
      <Block heading={check.copies} hint={check.copiesHint} count={copies.length}>
        {copies.slice(0, MOST_ROWS).map(({ names, classes }) => (
          <Row key={names[0]} names={names} classes={[...new Set(classes)]}>
            <div class="strip">
              {names.slice(0, MOST_COPIES).map((name) => (
                <Photo key={name} name={name} side={160} alt={name} />
              ))}
            </div>
            <p class="grow small">
              {names
                .slice(0, MOST_COPIES)
                .map((name, at) => check.copyOf(name, classes[at] ?? classes.join(" / ")))
                .join(", ")}
            </p>
          </Row>
        ))}
      </Block>
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

/** Images that one class settles. */
export function Row({
  names,
  classes,
  children,
}: {
  names: readonly string[];
  classes: readonly string[];
  children: ComponentChildren;
}) {
  const done = useSignal(false);
  const settle = async (className: string) => {
    if ((await replace(names, className)) !== "written") return;
    done.value = true;
    tell(words.check.settled(names.length, className));
  };
  return (
    <li class={done.value ? "done" : ""}>
      {children}
      {classes.map((name) => (
        <button key={name} type="button" onClick={() => void settle(name)}>
          {words.check.all(name)}
        </button>
      ))}
    </li>
  );
}
