import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../service/service";
import type { LabelsView, Results } from "../service/types";
import { classFor } from "../shared/classFor";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { useLifetime } from "../shared/lifetime";
import { Meter } from "../shared/Meter";
import { Photo } from "../shared/Photo";
import type { Desk } from "../store/desk";
import { classes } from "../store/labels";
import { attempt } from "../store/notices";
import { theProject, theTask } from "../store/project";
import type { Suspect } from "../store/suspects";
import { percent, words } from "../words";
import { Suspects } from "./Suspects";

const SHOWN = 50;

/** One suspicious label beside an image of the class that is suggested, and the list of all of them. */
export function DeskView({ desk, result }: { desk: Desk; result: Results["label_check"] }) {
  const field = useRef<HTMLInputElement>(null);
  const item = desk.current.value;
  const { toLookAt, classesToLookAt } = words.check;
  const [count, rest] = ("task" in result ? classesToLookAt : toLookAt)(desk.items.length, result.labels);
  useKeys((key, event) => {
    if (!desk.current.peek()) return false;
    const onSuspect = event.target instanceof Element && event.target.closest(".suspect") !== null;
    if (pressesSomething(event) && !(onSuspect && key === "Enter")) return false;
    const at = desk.at.peek();
    const toField = () => field.current?.focus();
    const does: Record<string, () => void> = {
      k: () => desk.keep(),
      Enter: () => void desk.change(),
      ArrowRight: () => desk.look(at + 1),
      ArrowLeft: () => desk.look(at - 1),
      u: () => desk.undo(),
      Backspace: () => desk.undo(),
      c: toField,
      "/": toField,
    };
    does[key]?.();
    return key in does;
  });
  return (
    <div>
      <p>
        <strong>{count}</strong>
        {rest}
        <span class="dim">{expected(result)}</span>
      </p>
      {item && (
        <div class="desk">
          <div class="pair">
            <div class="two-up">
              <figure class="photo">
                <Photo name={item.name} side={1024} alt={item.name} eager />
                <figcaption>
                  <span class="dim">{words.check.labelled}</span> <strong>{item.given}</strong>
                </figcaption>
              </figure>
              <Example item={item} />
            </div>
            <Versus item={item} />
            <div class="row">
              <button type="button" onClick={() => desk.keep()}>
                {words.check.keep(item.given)} <Kbd>k</Kbd>
              </button>
              <button type="button" class="primary" onClick={() => void desk.change()}>
                {words.check.changeTo(item.suggested)} <Kbd>Enter</Kbd>
              </button>
              {item.mayBeOther && <Another key={item.id} desk={desk} field={field} />}
              <button type="button" class="quiet" onClick={() => desk.undo()}>
                {words.check.undo} <Kbd>u</Kbd>
              </button>
            </div>
          </div>
          <Suspects
            label={words.check.list}
            desk={desk}
            shown={SHOWN}
            idOf={(one) => one.id}
            draw={(one) => (
              <>
                <Photo name={one.name} side={160} />
                <span>
                  <strong>{one.given}</strong> → <strong>{one.suggested}</strong>
                  <span class="hint">{desk.done.value.get(one.id) ?? one.reason}</span>
                </span>
              </>
            )}
          />
        </div>
      )}
    </div>
  );
}

function expected(result: Results["label_check"]): string {
  const share = result.expected_errors;
  if (share === null) return words.check.few;
  return "task" in result ? words.check.expectedEach(share) : words.check.expected(share);
}

function Versus({ item }: { item: Suspect }) {
  return (
    <div class="versus">
      {item.bars.map(({ name, share }) => (
        <div class="bar" key={name}>
          <span>{name}</span>
          <Meter share={share} label={words.label.probability(name, share)} />
          <span class="num">{percent(share)}</span>
        </div>
      ))}
      <p class="reason">{item.reason}</p>
      <p class="dim name">{item.name}</p>
    </div>
  );
}

/** Another class than the suggested one, by its name or a part of it. */
function Another({ desk, field }: { desk: Desk; field: { current: HTMLInputElement | null } }) {
  const submit = async (event: Event) => {
    event.preventDefault();
    const typed = field.current?.value.trim();
    const className = typed && (await classFor(typed));
    if (className) void desk.change(className);
    field.current?.blur();
  };
  return (
    <form class="row another" onSubmit={submit}>
      <input
        ref={field}
        aria-label={words.check.another}
        placeholder={words.check.another}
        list="classes"
        autocomplete="off"
        spellcheck={false}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      <datalist id="classes">
        {classes.value.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <button type="submit">{words.check.change}</button>
    </form>
  );
}

/** Another image of the class that is in question, to compare with. */
function Example({ item }: { item: Suspect }) {
  const lifetime = useLifetime(item);
  const [name, setName] = useState<string | null | undefined>(undefined);
  useEffect(() => {
    setName(undefined);
    void attempt(async () => {
      const query = { path_to_labels: theProject().labels, names: true, class: item.example, limit: 5, ...theTask() };
      const seen = await get<LabelsView>("labels", { query, signal: lifetime });
      setName(seen.names?.find((one) => one.name !== item.name)?.name ?? null);
    });
  }, [item]);
  if (name === undefined) return <div />;
  if (name === null) return <p class="hint">{words.check.noExample(item.example)}</p>;
  return (
    <figure class="photo">
      <Photo name={name} side={1024} alt={name} eager />
      <figcaption>
        <span class="dim">{words.check.exampleOf}</span> <strong>{item.example}</strong>
      </figcaption>
    </figure>
  );
}
