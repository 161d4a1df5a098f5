import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useId } from "preact/hooks";
import { isWanted, isWholeWordOf, whichOf } from "../shared/classFor";
import { classColour } from "../shared/colour";
import { Kbd } from "../shared/Kbd";
import type { Answer } from "../store/answer";
import { described, keys } from "../store/classes";
import { matching, NONE_KEY } from "../store/keys";
import { classes, counts } from "../store/labels";
import { number, words } from "../words";

const MOST_CHIPS = 60;

interface Given {
  field: RefObject<HTMLInputElement | null>;
  /** What the image has, and what is suggested. Where it may have several classes, it has what Enter saves. */
  given: Answer | null;
  suggested: Answer | null;
  onClass: (name: string) => void;
  /** None of the classes applies; null where an image has one class. */
  onNone?: (() => void) | null;
  /** Enter in the empty field. */
  onEmpty: () => void;
  /** What is said while there is no class. */
  noClass?: string;
  /** The field is done with: the keyboard goes back to the images. */
  onLeave: () => void;
}

/** Classes to press, and a field that finds one by a part of its name. A class that is not there yet is asked about. */
export function ClassField({ field, given, suggested, onClass, onNone = null, onEmpty, noClass, onLeave }: Given) {
  const typed = useSignal("");
  const at = useSignal(0);
  const list = useId();
  const found = matching(classes.value, typed.value.trim());
  const isNew = typed.value.trim() !== "" && found[0]?.toLowerCase() !== typed.value.trim().toLowerCase();
  const shown = found.slice(0, MOST_CHIPS);
  const choices = isNew ? [...shown, null] : shown; // null: a new class
  const chosen = typed.value.trim() ? Math.min(at.value, choices.length - 1) : -1;

  const finish = (name: string | null) => {
    clear(typed, at, field.current);
    if (name) onClass(name);
  };
  const take = async () => {
    const text = typed.value.trim();
    if (!text) onEmpty();
    else {
      const choice = choices[chosen];
      if (choice) {
        const mayBeNew = isNew && at.value === 0 && isWholeWordOf(choice, text);
        const meant = mayBeNew ? await whichOf(choice, text) : choice;
        if (meant === null) return field.current?.select();
        finish(meant);
      } else if (await isWanted(text)) finish(text);
      else return field.current?.select();
    }
    if (classes.value.length) onLeave();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      clear(typed, at, field.current);
      onLeave();
    } else if (event.key === "ArrowDown" && choices.length) at.value = (chosen + 1) % choices.length;
    else if (event.key === "ArrowUp" && choices.length) at.value = (chosen - 1 + choices.length) % choices.length;
    else return;
    event.preventDefault();
  };

  return (
    <div class="answer">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset can't be a flex box everywhere */}
      <div class="chips" role="group" aria-label={words.label.classes} id={list}>
        {shown.map((name, index) => (
          <button
            type="button"
            key={name}
            id={`${list}-${index}`}
            class={chip(!!given?.includes(name), !!suggested?.includes(name), index === chosen)}
            aria-pressed={given?.includes(name) ?? false}
            style={classColour(name)}
            title={[name, described.value.get(name)?.description].filter(Boolean).join(": ")}
            onClick={() => finish(name)}
          >
            <Kbd>{keys.value.get(name) ?? "·"}</Kbd>
            <span class="class-name">{name}</span>
            <span class="num">{number(counts.value.get(name) ?? 0)}</span>
            <span class="only-heard">{words.label.labelsOf(counts.value.get(name) ?? 0)}</span>
          </button>
        ))}
        {onNone && (
          <button
            type="button"
            class={`${chip(given?.length === 0, suggested?.length === 0, false)} none`}
            aria-pressed={given?.length === 0}
            onClick={onNone}
          >
            <Kbd>{NONE_KEY}</Kbd>
            <span class="class-name">{words.label.none}</span>
            <span class="num">{number(counts.value.get("") ?? 0)}</span>
            <span class="only-heard">{words.label.labelsOf(counts.value.get("") ?? 0)}</span>
          </button>
        )}
        {isNew && classes.value.length > 0 && (
          <button
            type="button"
            id={`${list}-${shown.length}`}
            class={`${chip(false, false, chosen === shown.length)} new`}
            onClick={() => finish(typed.value.trim())}
          >
            + {words.label.newClass(typed.value.trim())}
          </button>
        )}
        {found.length > MOST_CHIPS && <p class="hint">{words.label.moreClasses(found.length - MOST_CHIPS)}</p>}
        {!classes.value.length && <p class="hint">{noClass ?? words.label.noClass}</p>}
      </div>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void take();
        }}
      >
        <input
          ref={field}
          aria-label={words.label.classByName}
          aria-controls={list}
          aria-activedescendant={chosen >= 0 ? `${list}-${chosen}` : undefined}
          placeholder={words.label.typeClass}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          enterkeyhint="done"
          onInput={(event) => {
            typed.value = event.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={onKey}
        />
        <button type="submit" class={onNone && !typed.value.trim() ? "primary" : ""}>
          {onNone ? (typed.value.trim() ? words.label.toggle : words.label.saveAndNext) : words.label.label}
        </button>
      </form>
    </div>
  );
}

function clear(typed: Signal<string>, at: Signal<number>, field: HTMLInputElement | null): void {
  typed.value = "";
  at.value = 0;
  if (field) field.value = "";
}

function chip(on: boolean, suggested: boolean, chosen: boolean): string {
  return ["chip", on && "on", suggested && "suggested", chosen && "chosen"].filter(Boolean).join(" ");
}
