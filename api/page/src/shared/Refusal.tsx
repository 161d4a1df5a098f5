import type { Problem } from "../service/service";
import { words } from "../words";

export function Refusal({ problem }: { problem: Problem }) {
  return (
    <div class="notice bad" role="alert">
      {problem.faults.length ? (
        <>
          <strong>{words.jobs.refused}</strong>
          <ul>
            {problem.faults.map((one) => (
              <li key={one.pointer}>{words.setup.fault(one.pointer.slice(1), one.detail)}</li>
            ))}
          </ul>
        </>
      ) : (
        problem.message
      )}
    </div>
  );
}
