import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../service/service";
import type { Agreement, BoxesView, Job, LabelsView, Pace, PaceList } from "../service/types";
import { useLifetime } from "../shared/lifetime";
import { resultOf } from "../store/jobs";
import { attempt } from "../store/notices";
import { isBoxes, lastJob, theProject, theTask } from "../store/project";
import { addressOf } from "../store/route";
import { ago, number, percent, words } from "../words";
import { Figures, num } from "./Figures";

interface Person {
  person: string;
  labels: number;
  pace: Pace | undefined;
  /** The share of shared labels that are the consensus, where agreement was asked for. */
  agrees: number | null | undefined;
}

const say = words.people;

/** Who labelled how many, how fast, and with what agreement. */
export function People() {
  const lifetime = useLifetime();
  const people = useSignal<readonly Person[] | null>(null);
  const pause = useSignal(0);
  useEffect(() => {
    void attempt(async () => {
      const query = { path_to_labels: theProject().labels };
      const [{ people: files }, paces, agreement] = await Promise.all([
        isBoxes()
          ? get<BoxesView>("labels/boxes", { query, signal: lifetime })
          : get<LabelsView>("labels", { query: { ...query, ...theTask() }, signal: lifetime }),
        get<PaceList>("labels/paces", { query, signal: lifetime }),
        newestAgreement(lifetime),
      ]);
      pause.value = paces.pause_s;
      people.value = files.map(({ person, labels }) => ({
        person,
        labels,
        pace: paces.people.find((one) => one.person === person),
        agrees: agreement?.people.find((one) => one.person === person)?.with_consensus,
      }));
    });
  }, []);
  const all = people.value ?? [];
  return (
    <section class="card" aria-label={say.heading}>
      <h2>{say.heading}</h2>
      {people.value && !all.length && <p class="hint">{say.nobody}</p>}
      {all.length > 0 && (
        <>
          <Figures
            caption={say.heading}
            isOnlyHeard={true}
            kind="people"
            columns={[say.person, num(say.labels), num(say.speed), say.known, num(say.agrees), say.last]}
          >
            {all.map((one) => (
              <Row key={one.person} one={one} />
            ))}
          </Figures>
          <p class="hint prose">{say.how(Math.round(pause.value / 60))}</p>
        </>
      )}
    </section>
  );
}

function Row({ one: { person, labels, pace, agrees } }: { one: Person }) {
  return (
    <tr>
      <th scope="row">{isBoxes() ? person : <a href={addressOf("browse", { person })}>{person}</a>}</th>
      <td class="num">{number(labels)}</td>
      <td class="num">
        {pace && pace.seconds !== null && pace.middle_half ? (
          <>
            <strong>{say.seconds(pace.seconds)}</strong>{" "}
            <span class="dim small">{say.middleHalf(pace.middle_half[0], pace.middle_half[1])}</span>
          </>
        ) : (
          "–"
        )}
      </td>
      <td class="dim small">{pace ? say.times(pace.times, pace.sittings, pace.at_once) : say.unknown}</td>
      <td class="num">{agrees === null || agrees === undefined ? "–" : percent(agrees)}</td>
      <td class="dim small">{pace ? ago(pace.last_at) : "–"}</td>
    </tr>
  );
}

/** What agreement was found last, if it was asked for and is still there. */
async function newestAgreement(signal: AbortSignal): Promise<Agreement | null> {
  const id = lastJob("agreement");
  const job = id && (await attempt(() => get<Job>(`jobs/${id}`, { signal })));
  return job && job.state === "succeeded" ? attempt(() => resultOf<"agreement">(job, signal)) : null;
}
