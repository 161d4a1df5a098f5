// Images about which people's files contradict each other: all jobs leave them out until one answer is settled.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { get } from "../service/service";
import type { LabelsView, OneLabel, SettledBy } from "../service/types";
import { classColour } from "../shared/colour";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Photo } from "../shared/Photo";
import { useRefused } from "../shared/refused";
import { type Answer, inWords, linesOf } from "../store/answer";
import type { Outcome } from "../store/outbox";
import { isSeveral, theProject, theTask } from "../store/project";
import { settle } from "../store/settling";
import { inOrder } from "../store/turns";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";
import { Row } from "./Row";
import { Settled } from "./Settled";

const EVERY_S = 30;

export function Contradictions() {
  const lifetime = useLifetime();
  const found = useSignal<OneLabel[]>([]);
  const settled = useSignal<OneLabel[]>([]);
  const versions = useSignal<Readonly<Record<string, string>>>({});
  const settledBy = useSignal<Readonly<Record<string, SettledBy>>>({});
  const { orShown, refused } = useRefused();
  const looks = useMemo(inOrder, []);
  const refresh = () =>
    void orShown(async () => {
      const query = { path_to_labels: theProject().labels, ...theTask() };
      const isNewest = looks.asked();
      const view = await get<LabelsView>("labels", { query, signal: lifetime });
      if (!isNewest()) return;
      found.value = view.conflicts;
      settled.value = view.settled;
      versions.value = view.versions;
      settledBy.value = view.settled_by;
    });
  useEffect(refresh, []);
  useFreshness(EVERY_S, refresh);
  const { check } = words;
  const byName = new Map<string, OneLabel[]>();
  for (const one of found.value) byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
  const onTried = (isWritten: boolean) => {
    looks.overtake(); // what was asked before may not know of it
    if (!isWritten) refresh();
  };
  const [Contradiction, heading, hint] = isSeveral()
    ? [SeveralClasses, check.severalConflicts, check.severalConflictsHint]
    : [OneClass, check.conflicts, check.conflictsHint];
  return (
    <>
      {refused}
      <Block heading={heading} hint={hint} count={byName.size}>
        {[...byName].slice(0, MOST_ROWS).map(([name, labels]) => (
          <Contradiction
            key={name}
            name={name}
            labels={labels}
            version={versions.value[name] ?? ""}
            onTried={onTried}
          />
        ))}
      </Block>
      <Settled labels={settled.value} by={settledBy.value} versions={versions.value} onTried={onTried} />
    </>
  );
}

interface Given {
  name: string;
  labels: readonly OneLabel[];
  version: string;
  onTried: OnTried;
}

/** Called when an answer is written, or refused. */
export type OnTried = (isWritten: boolean) => void;

/** Settles an image as it was seen; null opens the question again. Others that follow are over what was settled before. */
export function useSettling(name: string, version: string, onTried: OnTried) {
  const seen = useMemo(() => ({ version }), [version]);
  return async (answer: Answer | null): Promise<Outcome> => {
    const versions = await settle(linesOf(name, answer), { [name]: seen.version });
    if (versions) seen.version = versions[name] ?? "";
    onTried(versions !== null);
    return versions ? "written" : "refused";
  };
}

function OneClass({ name, labels, version, onTried }: Given) {
  const settle = useSettling(name, version, onTried);
  const { check } = words;
  const choices = [...new Set(labels.map((one) => one.class))].map((one) => ({
    label: one,
    settle: () => settle([one]),
    said: check.wasSettled(name, one),
  }));
  return (
    <Row choices={choices}>
      <Photo name={name} side={160} alt={name} />
      <div class="grow">
        <p class="name">{name}</p>
        <p class="small dim">{labels.map((one) => check.conflictIn(one.class, one.person)).join(", ")}</p>
      </div>
    </Row>
  );
}

/** Each class that somebody gives the image, to be taken or left; which of them not all give it, and who does. */
function SeveralClasses({ name, labels, version, onTried }: Given) {
  const settle = useSettling(name, version, onTried);
  const people = [...new Set(labels.map(({ person }) => person))];
  const saying = (one: string) => labels.filter((other) => other.class === one).map(({ person }) => person);
  const said = [...new Set(labels.map((one) => one.class))].filter(Boolean);
  const agreed = said.filter((one) => saying(one).length === people.length);
  const wanted = useSignal<Answer>(agreed);
  const toggle = (one: string) => {
    wanted.value = wanted.value.includes(one) ? wanted.value.filter((other) => other !== one) : [...wanted.value, one];
  };
  const { check } = words;
  const choice = { label: check.settle(inWords(wanted.value)), settle: () => settle(wanted.value) };
  return (
    <Row choices={[choice]}>
      <Photo name={name} side={160} alt={name} />
      <div class="grow">
        <p class="name">{name}</p>
        <p class="small dim">
          {people
            .map((person) =>
              check.conflictIn(
                inWords(
                  labels
                    .filter((one) => one.person === person)
                    .map((one) => one.class)
                    .filter(Boolean),
                ),
                person,
              ),
            )
            .join("; ")}
        </p>
        <div class="chips">
          {said.map((one) => (
            <button
              key={one}
              type="button"
              class={wanted.value.includes(one) ? "chip on" : "chip"}
              style={classColour(one)}
              aria-pressed={wanted.value.includes(one)}
              onClick={() => toggle(one)}
            >
              {agreed.includes(one) ? one : check.contested(one, saying(one).join(", "))}
            </button>
          ))}
        </div>
      </div>
    </Row>
  );
}
