import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { KeptProject } from "../service/types";
import { confirmed } from "../shared/Dialogs";
import { attempt, open, tell } from "../store/notices";
import { project } from "../store/project";
import { forgetProject, loadProjects, projects, renameProject } from "../store/projects";
import { addressOf, go, route } from "../store/route";
import { oneAtATime } from "../store/turns";
import { words } from "../words";
import "./projects.css";

const say = words.projects;

/** All projects that the service keeps: to open, to rename and to remove. */
export const showProjects = () =>
  open<never>(say.title, (close) => <List onLeave={() => close(undefined as never)} />, true);

function List({ onLeave }: { onLeave: () => void }) {
  const renaming = useSignal<string | null>(null);
  useEffect(() => void attempt(loadProjects), []);
  const remove = async ({ name }: KeptProject) => {
    const isOpen = project.value?.name === name;
    if (!(await confirmed(say.removeTitle(name), say.removeText, say.remove, words.app.cancel))) return;
    await attempt(async () => {
      await forgetProject(name);
      if (isOpen) stay();
      tell(say.removed(name));
    });
  };
  return (
    <div class="projects">
      <p class="hint">{say.why}</p>
      {projects.value?.length === 0 && <p>{say.none}</p>}
      <ul class="rows">
        {projects.value?.map((one) => (
          <li key={one.name}>
            {renaming.value === one.name ? (
              <Rename
                one={one}
                onDone={() => {
                  renaming.value = null;
                }}
              />
            ) : (
              <>
                <p class="grow">
                  <a
                    href={addressOf("label", { project: one.name })}
                    aria-current={one.name === project.value?.name || undefined}
                    onClick={onLeave}
                  >
                    {one.name}
                  </a>{" "}
                  {one.name === project.value?.name && <span class="badge">{say.isOpen}</span>}
                  <span class="hint folders">{say.folders(one.path_to_img, one.path_to_labels)}</span>
                </p>
                <button
                  type="button"
                  aria-label={say.renameOne(one.name)}
                  onClick={() => {
                    renaming.value = one.name;
                  }}
                >
                  {say.rename}
                </button>
                <button type="button" aria-label={say.removeOne(one.name)} onClick={() => void remove(one)}>
                  {say.remove}
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
      <p class="row end">
        <a class="button" href={addressOf("setup", { new: "1" })} onClick={onLeave}>
          {say.begin}
        </a>
      </p>
    </div>
  );
}

function Rename({ one, onDone }: { one: KeptProject; onDone: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const alone = useMemo(oneAtATime, []);
  useEffect(() => field.current?.select(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const isOpen = project.value?.name === one.name;
    const rename = async () => {
      await renameProject(one, field.current!.value);
      if (isOpen) stay();
      onDone();
    };
    void attempt(() => alone(rename));
  };
  return (
    <form class="row grow" onSubmit={submit}>
      <input
        ref={field}
        class="grow"
        aria-label={say.newName(one.name)}
        defaultValue={one.name}
        maxLength={64}
        autocomplete="off"
        spellcheck={false}
      />
      <button type="submit" class="primary">
        {say.rename}
      </button>
      <button type="button" onClick={onDone}>
        {words.app.cancel}
      </button>
    </form>
  );
}

/** On what is shown, at the address that it has by now. */
function stay(): void {
  const { view, params } = route.value;
  const { project: _, ...others } = Object.fromEntries(params);
  go(view, others);
}
