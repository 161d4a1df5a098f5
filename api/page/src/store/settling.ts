// What counts of an image that people see in several ways: it stands in a file of its own, and their labels stay in theirs.

import { inAddresses } from "../service/addresses";
import { get, Problem, post } from "../service/service";
import type { LabelGiven, LabelsView, LabelsWritten, OneLabel } from "../service/types";
import { words } from "../words";
import { type Answer, gathered, isSame, linesOf } from "./answer";
import { untilDone } from "./connection";
import { tell } from "./notices";
import { give, type Outcome, tellTabs } from "./outbox";
import { signedBy } from "./person";
import { theProject, theTask } from "./project";

/** The name under which the service tells what is settled: it is nobody's. */
export const SETTLED = "_settled";

/** All that files say of images, whether it counts or not: what is settled first. By name, the versions of that. */
export interface AllSaid {
  lines: readonly OneLabel[];
  versions: Readonly<Record<string, string>>;
}

/** What undoes it: the labels that were written, and what files said before. */
export interface Overruled {
  labels: readonly LabelGiven[];
  before: AllSaid;
}

const AT_ONCE = 2000; // images

export async function allSaid(names: readonly string[]): Promise<AllSaid> {
  const parts = inAddresses([...new Set(names)]).filter((of) => of.length);
  const views = await Promise.all(
    parts.map((of) =>
      untilDone(() => get<LabelsView>("labels", { query: { path_to_labels: theProject().labels, of, ...theTask() } })),
    ),
  );
  return {
    lines: views.flatMap(({ said }) => said ?? []),
    versions: versionsOf(
      names.map((name) => ({ name })), // others are told, too
      Object.assign({}, ...views.map(({ versions }) => versions)),
    ),
  };
}

const versionsOf = (named: readonly { name: string }[], versions: Readonly<Record<string, string>>) =>
  Object.fromEntries(named.flatMap(({ name }) => (name in versions ? [[name, versions[name]!]] : [])));

/** What people say of each image, and what is settled (by SETTLED), in the order in which it is listed. */
export function byImage({ lines }: AllSaid): Map<string, Map<string, Answer>> {
  const found = new Map<string, Map<string, Answer>>();
  for (const one of lines) {
    const said = found.get(one.name) ?? new Map<string, Answer>();
    const before = said.get(one.person) ?? [];
    found.set(one.name, said.set(one.person, one.class ? [...before, one.class] : before));
  }
  return found;
}

/** What counts of the image: what is settled, else what the first person says. */
export const whatCounts = (said: AllSaid, name: string): Answer | null =>
  byImage(said).get(name)?.values().next().value ?? null;

/** Settles what is said in these lines, as it was seen; null opens a question again. Resolves with the versions that the
 * images have now; null where it is refused. */
export async function settle(
  labels: readonly LabelGiven[],
  seen: Readonly<Record<string, string>>,
): Promise<Record<string, string> | null> {
  const versions = versionsOf(labels, seen);
  const body = { path_to_labels: theProject().labels, labels, versions, ...theTask(), ...signedBy() };
  try {
    const written = await post<LabelsWritten>("labels/settle", body);
    tellTabs(theProject().labels);
    return written.versions;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(words.labels.notWritten(error.message), "bad");
    return null;
  }
}

/** Gives images labels over what others say, as it was seen: that is settled, and stays in their files. */
export function overrule(labels: readonly LabelGiven[], seen: AllSaid): Promise<Outcome> {
  return give([...labels], { settle: versionsOf(labels, seen.versions) });
}

/** The same from afar: going by what counts of each image now, if that is still what is expected. Resolves with what undoes
 * it; null where nothing was written, which is told. */
export async function decideFor(
  names: readonly string[],
  answer: (now: Answer) => Answer,
  expects: (now: Answer) => boolean = () => true,
): Promise<Overruled | null> {
  const before = await allSaid(names);
  const now = names.map((name) => [name, whatCounts(before, name)] as const);
  const isOther = now.some(([, one]) => one !== null && !expects(one));
  const labels = now.flatMap(([name, one]) => linesOf(name, answer(one ?? [])));
  const outcome = isOther ? "otherwise" : await overrule(labels, before);
  if (outcome === "otherwise") tell(words.labels.changedMeanwhile(names.join(", ")), "bad");
  return outcome === "written" ? { labels, before } : null;
}

/** Brings back what files said before. Not where they say something else by now than what was written, which is told.
 * Returns whether it was brought back. */
export async function bringBack({ labels, before }: Overruled): Promise<boolean> {
  const given = labels.flatMap(({ name, class: one }) => (one === null ? [] : { name, class: one, person: "" }));
  const written = gathered(given);
  const names = [...new Set(labels.map(({ name }) => name))];
  const [now, was] = [await allSaid(names), byImage(before)];
  const is = byImage(now);
  const mine = (said: typeof is, name: string) => said.get(name)?.get(theProject().person) ?? null;
  const settled = (said: typeof is, name: string) => said.get(name)?.get(SETTLED) ?? null;
  const changed = names.filter((name) => {
    const answer = written.get(name)?.answer ?? null;
    const isSettledSo = [answer, settled(was, name)].some((one) => isSame(one, settled(is, name)));
    return !isSettledSo || !isSame(mine(is, name), answer);
  });
  if (changed.length) {
    tell(words.labels.changedMeanwhile(changed.join(", ")), "bad");
    return false;
  }
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE);
    const others = some.filter((name) => !isSame(settled(is, name), settled(was, name)));
    const back = others.flatMap((name) => linesOf(name, settled(was, name)));
    if (back.length && !(await settle(back, now.versions))) return false;
    const own = some.flatMap((name) => linesOf(name, mine(was, name)));
    if ((await give(own, "both")) !== "written") return false;
  }
  return true;
}
