import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { add, listed, loadClasses, undoChange } from "../store/classes";
import { attempt, open, tell } from "../store/notices";
import { words } from "../words";
import { ClassForm } from "./ClassForm";
import { ClassRow } from "./ClassRow";
import "./classes.css";

/** The classes of the folder, to be changed for everybody. */
export const showClasses = () => open<never>(words.classes.title, () => <ClassesDialog />, true);

function ClassesDialog() {
  const changing = useSignal<string | null>(null);
  const fresh = useSignal("");
  useEffect(() => void attempt(loadClasses), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const name = fresh.value.trim();
    if (!name) return;
    void attempt(async () => {
      await add([name]);
      if (fresh.peek().trim() === name) fresh.value = ""; // else the next one is being typed already
    });
  };
  const undo = () => void attempt(async () => undoChange().then(() => tell(words.classes.undone)));
  return (
    <div class="classes">
      <p class="hint">{words.classes.why}</p>
      {!listed.value.classes.length && <p>{words.classes.none}</p>}
      <ul>
        {listed.value.classes.map((one) => (
          <li key={one.name}>
            {changing.value === one.name ? (
              <ClassForm
                one={one}
                onDone={() => {
                  changing.value = null;
                }}
              />
            ) : (
              <ClassRow
                one={one}
                onChange={() => {
                  changing.value = one.name;
                }}
              />
            )}
          </li>
        ))}
      </ul>
      <form class="row" onSubmit={submit}>
        <input
          aria-label={words.classes.newOne}
          placeholder={words.classes.newOne}
          autocomplete="off"
          value={fresh.value}
          onInput={(event) => {
            fresh.value = event.currentTarget.value;
          }}
        />
        <button type="submit">{words.classes.add}</button>
        <button type="button" class="quiet" onClick={undo}>
          {words.classes.undo}
        </button>
      </form>
    </div>
  );
}
