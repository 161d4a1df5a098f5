import type { Problem } from "../service/service";
import { saidOf } from "../store/notices";
import { addressOf } from "../store/route";
import { words } from "../words";

/** Whether a folder or file is not where it was. */
export const isGone = (problem: Problem) => [problem, ...problem.faults].some(({ code }) => code === "path_not_found");

export function Refusal({ problem }: { problem: Problem }) {
  return (
    <div class="notice bad" role="alert">
      {problem.faults.length ? (
        <>
          <strong>{words.jobs.refused}</strong>
          <ul>
            {saidOf(problem.faults).map((said) => (
              <li key={said}>{said}</li>
            ))}
          </ul>
        </>
      ) : (
        problem.message
      )}
      {isGone(problem) && (
        <p>
          {words.jobs.pathGone} <a href={addressOf("setup")}>{words.jobs.pathGoneSetUp}</a>
        </p>
      )}
    </div>
  );
}
