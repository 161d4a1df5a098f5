import { useSignal } from "@preact/signals";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import { Problem } from "../service/service";
import type { ClassView } from "../service/types";
import { confirmed } from "../shared/Dialogs";
import { change, declareOne } from "../store/classes";
import { attempt } from "../store/notices";
import { oneAtATime } from "../store/turns";
import { words } from "../words";

const FIELDS = ["name", "key", "colour", "description", "example"] as const;

interface Given {
  one: ClassView;
  onDone: () => void;
}

/** Changes what is said of a class. Another name is one for all labels; that of another class makes one of two. */
export function ClassForm({ one, onDone }: Given) {
  const said = useSignal({ ...one });
  const faults = useSignal<string[]>([]);
  const first = useRef<HTMLInputElement>(null);
  const id = useId();
  const alone = useMemo(oneAtATime, []);
  useEffect(() => first.current?.focus(), []);

  const save = async () => {
    const name = said.value.name.trim();
    if (FIELDS.some((field) => field !== "name" && said.value[field] !== one[field])) {
      await declareOne({ ...said.value, name: one.name });
    } // first: what is renamed last can be undone
    if (name === one.name || (await renamed(one.name, name))) onDone();
  };
  const remove = async () => {
    const { removeTitle, removeText, removeYes, removeNo } = words.classes;
    if (!(await confirmed(removeTitle(one.name), removeText(one.name, one.labels), removeYes, removeNo))) return;
    await change(one.name, null);
    onDone();
  };
  const carryOut = (work: () => Promise<void>) =>
    void attempt(async () => {
      faults.value = [];
      try {
        await alone(work);
      } catch (error) {
        if (!(error instanceof Problem) || !error.faults.length) throw error;
        faults.value = error.faults.map(({ pointer, detail }) => `${pointer.split("/").at(-1)} ${detail}`);
      }
    });

  return (
    <form
      class="class-form"
      onSubmit={(event) => {
        event.preventDefault();
        carryOut(save);
      }}
    >
      {FIELDS.map((field, at) => (
        <div key={field}>
          <label for={`${id}-${field}`}>{words.classes[field]}</label>
          <input
            ref={at === 0 ? first : null}
            id={`${id}-${field}`}
            autocomplete="off"
            value={said.value[field]}
            placeholder={hintOf(field)}
            onInput={(event) => {
              said.value = { ...said.value, [field]: event.currentTarget.value };
            }}
          />
        </div>
      ))}
      <p class="fault" role="alert">
        {faults.value.join("; ")}
      </p>
      <div class="row end">
        <button type="button" class="quiet" onClick={() => carryOut(remove)}>
          {words.classes.remove}
        </button>
        <button type="button" onClick={onDone}>
          {words.classes.cancel}
        </button>
        <button type="submit" class="primary">
          {words.classes.save}
        </button>
      </div>
    </form>
  );
}

/** Renames a class for everybody, or makes one of two where that is wanted; false: it stays as it was. */
async function renamed(name: string, to: string): Promise<boolean> {
  try {
    await change(name, to);
  } catch (error) {
    if (!(error instanceof Problem) || !error.faults.some(({ pointer }) => pointer === "/to")) throw error;
    const { mergeTitle, mergeText, mergeYes, mergeNo } = words.classes;
    if (!(await confirmed(mergeTitle(to), mergeText(name, to), mergeYes, mergeNo))) return false;
    await change(name, to, true);
  }
  return true;
}

const hintOf = (field: (typeof FIELDS)[number]) =>
  field === "key" ? words.classes.keyHint : field === "colour" ? words.classes.colourHint : "";
