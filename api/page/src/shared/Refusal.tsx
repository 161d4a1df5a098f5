import type { Problem } from "../service/service";
import { saidOf } from "../store/notices";
import { addressOf } from "../store/route";
import { words } from "../words";

export function Refusal({ problem }: { problem: Problem }) {
  const isGone = [problem, ...problem.faults].some(({ code }) => code === "path_not_found");
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
      {isGone && (
        <p>
          {words.jobs.pathGone} <a href={addressOf("setup")}>{words.jobs.pathGoneSetUp}</a>
        </p>
      )}
    </div>
  );
}
