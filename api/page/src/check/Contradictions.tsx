// Images of which people's files say several classes: all jobs leave them out until one of the classes is settled.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../service/service";
import type { LabelsView, OneLabel } from "../service/types";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Photo } from "../shared/Photo";
import { attempt } from "../store/notices";
import { theProject } from "../store/project";
import { words } from "../words";
import { Block, MOST_ROWS, Row } from "./Others";

const EVERY_S = 30;

export function Contradictions() {
  const lifetime = useLifetime();
  const found = useSignal<OneLabel[]>([]);
  const refresh = () =>
    void attempt(async () => {
      const query = { path_to_labels: theProject().labels };
      found.value = (await get<LabelsView>("labels", { query, signal: lifetime })).conflicts;
    });
  useEffect(refresh, []);
  useFreshness(EVERY_S, refresh);
  const { check } = words;
  const byName = new Map<string, OneLabel[]>();
  for (const one of found.value) byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
  return (
    <Block heading={check.conflicts} hint={check.conflictsHint} count={byName.size}>
      {[...byName].slice(0, MOST_ROWS).map(([name, labels]) => (
        <Row key={name} names={[name]} classes={[...new Set(labels.map((one) => one.class))]}>
          <Photo name={name} side={160} alt={name} />
          <div class="grow">
            <p class="name">{name}</p>
            <p class="small dim">{labels.map((one) => check.conflictIn(one.class, one.person)).join(", ")}</p>
          </div>
        </Row>
      ))}
    </Block>
  );
}
