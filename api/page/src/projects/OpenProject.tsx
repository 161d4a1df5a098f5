import { useEffect, useState } from "preact/hooks";
import { Problem } from "../service/service";
import { useLifetime } from "../shared/lifetime";
import { Refusal } from "../shared/Refusal";
import { untilDone } from "../store/connection";
import { attempt } from "../store/notices";
import { openProject } from "../store/projects";
import { words } from "../words";
import { showProjects } from "./show";

/** In the place of a view whose address names another project, until that is open; or a word that there is none. */
export function OpenProject({ name }: { name: string }) {
  const lifetime = useLifetime(name);
  const [isUnknown, setUnknown] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    void attempt(async () => {
      try {
        setUnknown(!(await untilDone(() => openProject(name, lifetime), lifetime)));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        setProblem(error);
      }
    });
  }, [lifetime]);
  if (problem) return <Refusal problem={problem} />;
  if (!isUnknown) return <p class="hint">{words.app.loading}</p>;
  return (
    <div class="empty">
      <h1>{words.projects.unknown(name)}</h1>
      <p>{words.projects.unknownText}</p>
      <button type="button" class="primary" onClick={() => void showProjects()}>
        {words.projects.title}
      </button>
    </div>
  );
}
