import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { showProjects } from "../projects/show";
import { get, key } from "../service/service";
import type { Capabilities, Task } from "../service/types";
import { useBusy } from "../shared/busy";
import { useLifetime } from "../shared/lifetime";
import { untilDone } from "../store/connection";
import { attempt } from "../store/notices";
import { type Project, project } from "../store/project";
import { words } from "../words";
import { begin, type Faults, fileOf, isOther, taskIn } from "./begin";
import { Choices } from "./Choices";
import { Field } from "./Field";
import { LanguageChoice } from "./LanguageChoice";
import { PathField } from "./PathField";
import "./setup.css";

const { setup } = words;

export function SetupView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const [able, setAble] = useState<Capabilities | null>(null);
  useEffect(() => {
    const capabilities = () => get<Capabilities>("capabilities", { signal: lifetime });
    void attempt(async () => setAble(await untilDone(capabilities, lifetime)));
  }, []);
  return able ? <Form able={able} begins={params.has("new")} /> : <p class="hint">{words.app.loading}</p>;
}

/** `begins`: another project than the one that is open. */
function Form({ able, begins }: { able: Capabilities; begins: boolean }) {
  const isNew = project.peek() === null || begins;
  const backbones = able.backbones.toSorted((a, b) => Number(b.weights_here) - Number(a.weights_here));
  const form = useRef<HTMLFormElement>(null);
  const faults = useSignal<Faults>({});
  const [isBusy, whenFree] = useBusy(); // two at once would take each other's name
  const now = useSignal<Project>({
    pool: "",
    labels: "",
    valPool: "",
    valLabels: "",
    backbone: backbones[0]?.name ?? "",
    method: "auto",
    add: 20,
    person: "me",
    task: "classification",
    ...(begins ? { person: project.peek()?.person ?? "me" } : project.peek()),
  });
  const chose = useRef(!isNew);
  const looked = useRef<Promise<void>>(Promise.resolve());
  const [told, setTold] = useState<Awaited<ReturnType<typeof taskIn>>>(null);
  const { labels } = now.value;
  useEffect(() => {
    if (chose.current) return;
    const timer = setTimeout(async () => {
      const found = await taskIn(labels.trim());
      if (chose.current || now.peek().labels !== labels) return;
      setTold(found);
      take(found?.task ?? "classification");
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [labels]);
  const set = (changed: Partial<Project>) => {
    now.value = { ...now.value, ...changed };
    if (isOther(now.value) && now.value.name === project.peek()?.name) now.value = { ...now.value, name: "" };
  };
  const text = (name: "pool" | "labels" | "valPool" | "valLabels") => ({
    id: name,
    label: setup[name],
    hint: setup[`${name}Hint`],
    value: now.value[name],
    fault: faults.value[name],
    onChange: (value: string) => set({ [name]: value }),
  });
  const submit = (event: Event) => {
    event.preventDefault();
    void whenFree(async () => {
      await looked.current; // Enter comes before the place for labels that is suggested
      faults.value = await begin(now.value);
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    });
  };
  const task = now.value.task ?? "classification";
  const methodsOf = (task: Task) => able.methods.filter(({ tasks }) => !tasks || tasks.includes(task));
  const take = (task: Task) => {
    const isThere = methodsOf(task).some(({ name }) => name === now.peek().method);
    set({ task, ...(isThere ? {} : { method: "auto" }) });
  };
  const wrong = Object.entries(faults.value);

  return (
    <form class="setup" ref={form} noValidate onSubmit={submit}>
      {isNew && !begins ? (
        <div class="welcome">
          <h1>{setup.welcome}</h1>
          <p class="prose">{setup.welcomeText}</p>
        </div>
      ) : (
        <div class="row">
          <h1 class="grow">{begins ? words.projects.begin : setup.title}</h1>
          <button type="button" onClick={() => void showProjects()}>
            {words.projects.title}
          </button>
        </div>
      )}
      {wrong.length > 0 && (
        <div class="notice bad" role="alert">
          <strong>{words.jobs.refused}</strong>
          <ul>
            {wrong.map(([field, what]) => (
              <li key={field}>{LABELS[field] ? setup.fault(LABELS[field], what) : what}</li>
            ))}
          </ul>
        </div>
      )}
      <section class="card">
        <h2>{setup.photosAndLabels}</h2>
        <div class="fields two">
          <PathField
            {...text("pool")}
            kind="images"
            onSuggest={(labels) => set({ labels })}
            suggestsFor={now.value.labels}
            onLook={(one) => {
              looked.current = one;
            }}
            focus={isNew}
          />
          <PathField {...text("labels")} kind="folders" />
          <Field id="name" label={setup.name} hint={setup.nameHint} fault={faults.value.name}>
            <input
              id="name"
              value={now.value.name ?? ""}
              maxLength={64}
              autocomplete="off"
              spellcheck={false}
              aria-invalid={!!faults.value.name}
              aria-describedby="name-hint"
              onInput={(event) => set({ name: event.currentTarget.value })}
            />
          </Field>
          {!key.value && (
            <Field
              id="person"
              label={setup.person}
              hint={personHint(now.value.person, task)}
              fault={faults.value.person}
            >
              <input
                id="person"
                value={now.value.person}
                maxLength={64}
                autocomplete="nickname"
                spellcheck={false}
                aria-invalid={!!faults.value.person}
                aria-describedby="person-hint"
                onInput={(event) => set({ person: event.currentTarget.value })}
              />
            </Field>
          )}
          <Field id="add" label={setup.add} hint={setup.addHint} fault={faults.value.add}>
            <input
              id="add"
              type="number"
              min={1}
              max={1000}
              inputmode="numeric"
              value={now.value.add}
              aria-invalid={!!faults.value.add}
              aria-describedby="add-hint"
              onInput={(event) => set({ add: event.currentTarget.valueAsNumber })}
            />
          </Field>
          {task !== "detection" && (
            <Field id="overlap" label={setup.overlap} hint={setup.overlapHint} fault={faults.value.overlap}>
              <input
                id="overlap"
                type="number"
                min={0}
                max={100}
                inputmode="numeric"
                value={Math.round((now.value.overlap ?? 0) * 100)}
                aria-invalid={!!faults.value.overlap}
                aria-describedby="overlap-hint"
                onInput={(event) => set({ overlap: event.currentTarget.valueAsNumber / 100 })}
              />
            </Field>
          )}
        </div>
        <details open={!!now.value.valPool || !!faults.value.valPool || !!faults.value.valLabels}>
          <summary>{setup.validation}</summary>
          <div class="fields two">
            <PathField {...text("valPool")} kind="images" />
            <PathField {...text("valLabels")} kind="files" />
          </div>
        </details>
      </section>
      <Choices
        name="task"
        heading={setup.taskHeading}
        chosen={task}
        hint={told ? setup.told[told.task](told.images) : undefined}
        choices={TASKS.filter((name) => able.questions.selection?.tasks.includes(name)).map((name) => ({
          name,
          title: setup.tasks[name][0],
          summary: setup.tasks[name][1],
          badge: null,
        }))}
        onChoose={(task) => {
          chose.current = true;
          take(task as Task);
        }}
      />
      <div class="fields two top-aligned">
        {task !== "detection" && (
          <Choices
            name="backbone"
            heading={setup.backbone}
            chosen={now.value.backbone}
            choices={backbones.map((one) => ({
              ...one,
              summary: setup.backbones[one.name] ?? one.summary,
              badge: one.weights_here ? null : setup.noWeights,
            }))}
            onChoose={(backbone) => set({ backbone })}
          />
        )}
        <Choices
          name="method"
          heading={setup.method}
          chosen={now.value.method}
          choices={methodsOf(task).map((one) => ({
            ...one,
            summary: setup.methods[one.name] ?? one.summary,
            use: setup.uses[one.name] ?? one.use,
            badge: one.name === "auto" ? setup.recommended : null,
          }))}
          onChoose={(method) => set({ method })}
        />
      </div>
      <LanguageChoice />
      <div class="row end sticky-end">
        <button type="submit" class="primary large" disabled={isBusy}>
          {isNew ? setup.start : setup.save}
        </button>
      </div>
    </form>
  );
}

const TASKS: Task[] = ["classification", "multilabel", "detection"];
const SETTLED_MS = 300; // a path is typed letter by letter

const LABELS: Record<string, string> = {
  name: setup.name,
  pool: setup.pool,
  labels: setup.labels,
  valPool: setup.valPool,
  valLabels: setup.valLabels,
  person: setup.person,
  add: setup.add,
  overlap: setup.overlap,
};

const personHint = (person: string, task: Task | undefined) =>
  person.trim() ? setup.personFile(fileOf(person, task)) : setup.personHint;
