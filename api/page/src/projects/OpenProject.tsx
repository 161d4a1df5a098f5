import { useEffect, useState } from "preact/hooks";
import { useLifetime } from "../shared/lifetime";
import { untilDone } from "../store/connection";
import { attempt } from "../store/notices";
import { openProject } from "../store/projects";
import { words } from "../words";
import { showProjects } from "./show";

/** In the place of a view whose address names another project, until that is open; or a word that there is none. */
export function OpenProject({ name }: { name: string }) {
  const lifetime = useLifetime(name);
  const [isUnknown, setUnknown] = useState(false);
  useEffect(() => {
    void attempt(async () => setUnknown(!(await untilDone(() => openProject(name, lifetime), lifetime))));
  }, [lifetime]);
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
