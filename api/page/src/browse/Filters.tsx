import { useEffect, useId, useRef } from "preact/hooks";
import { useKeys } from "../shared/keyboard";
import { LEVELS, type Look } from "../store/browse";
import { classes, people } from "../store/labels";
import { isSeveral } from "../store/project";
import { percent, words } from "../words";

const TYPED_MS = 300;
const CROSS = "✕";
const NONE = "\0"; // no class is called so

interface Given {
  look: Look;
  hasGuesses: boolean;
  onChange: (changed: Look) => void;
  onClear: () => void;
  onPredict: () => void;
  busy: boolean;
}

/** Which images are looked for. */
export function Filters({ look, hasGuesses, onChange, onClear, onPredict, busy }: Given) {
  const field = useRef<HTMLInputElement>(null);
  const typing = useRef(0);
  const say = words.browse;
  useEffect(() => {
    if (field.current && field.current !== document.activeElement) field.current.value = look.search ?? "";
  }, [look]);
  useEffect(() => () => clearTimeout(typing.current), [look]);
  useKeys((key) => {
    if (key === "/") field.current?.focus();
    return key === "/";
  });
  const named: [string, string][] = [
    ...(isSeveral() ? [[NONE, words.label.none] as [string, string]] : []),
    ...classes.value.map((one): [string, string] => [one, one]),
  ];
  const ofClass = (value: string | undefined) => (value === "" ? NONE : (value ?? ""));
  const fromClass = (value: string) => (value === NONE ? "" : value || undefined);
  return (
    <search class="filters">
      <input
        ref={field}
        type="search"
        aria-label={say.search}
        placeholder={`${say.search} …`}
        defaultValue={look.search ?? ""}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          const search = event.currentTarget.value.trim();
          clearTimeout(typing.current);
          typing.current = setTimeout(() => onChange({ search }), TYPED_MS) as unknown as number;
        }}
        onChange={(event) => {
          clearTimeout(typing.current); // who goes on to another filter at once has typed it all the same
          onChange({ search: event.currentTarget.value.trim() });
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault(); // it empties a search field, and that is not meant
          document.getElementById("browse-grid")?.focus();
        }}
      />
      <Choice
        label={say.labelled}
        value={look.labelled ?? ""}
        options={Object.entries(say.labelledOptions).map(([value, text]) => [value === "any" ? "" : value, text])}
        onChoose={(value) => onChange({ labelled: (value || undefined) as Look["labelled"] })}
      />
      <Choice
        label={say.class}
        value={ofClass(look.class)}
        options={[["", say.anyClass], ...named]}
        onChoose={(value) => onChange({ class: fromClass(value) })}
      />
      {people.value.length > 1 && (
        <Choice
          label={say.person}
          value={look.person ?? ""}
          options={[["", say.anybody], ...people.value.map((one): [string, string] => [one, one])]}
          onChoose={(value) => onChange({ person: value || undefined })}
        />
      )}
      <Choice
        label={say.noted}
        value={look.noted ?? ""}
        options={Object.entries(say.notedOptions)}
        onChoose={(value) => onChange({ noted: value || undefined, noted_by: value ? look.noted_by : undefined })}
      />
      {look.of_job && (
        <button
          type="button"
          aria-label={say.notOfJob}
          onClick={() => onChange({ of_job: undefined, lasso: undefined })}
        >
          {look.lasso ? say.inLasso : say.ofJob} <span aria-hidden="true">{CROSS}</span>
        </button>
      )}
      {look.apart && (
        <Choice
          label={say.apart}
          value={look.apart}
          options={Object.entries(say.apartOptions)}
          onChoose={(value) => onChange({ apart: value || undefined })}
        />
      )}
      {hasGuesses && (
        <>
          <Choice
            label={say.predicted}
            value={ofClass(look.predicted)}
            options={[["", say.anySuggestion], ...named]}
            onChoose={(value) => onChange({ predicted: fromClass(value) })}
          />
          <Choice
            label={say.least}
            value={look.least ?? ""}
            options={[["", say.anySure], ...LEVELS.map((one): [string, string] => [`${one}`, percent(one)])]}
            onChoose={(value) => onChange({ least: value || undefined })}
          />
        </>
      )}
      <Choice
        label={say.sort}
        value={look.sort ?? "name"}
        options={Object.entries(say.sorts).filter(([value]) => hasGuesses || !value.endsWith("confidence"))}
        onChoose={(value) => onChange({ sort: value === "name" ? undefined : value })}
      />
      {Object.keys(look).length > 0 && (
        <button type="button" class="quiet" onClick={onClear}>
          {say.clear}
        </button>
      )}
      <button type="button" disabled={busy} title={say.predictHint} onClick={onPredict}>
        {hasGuesses ? say.predictAgain : say.predict}
      </button>
    </search>
  );
}

interface ChoiceGiven {
  label: string;
  value: string;
  options: [string, string][];
  onChoose: (value: string) => void;
}

function Choice({ label, value, options, onChoose }: ChoiceGiven) {
  const id = useId();
  return (
    <span class="filter">
      <label class="only-heard" for={id}>
        {label}
      </label>
      <select id={id} value={value} title={label} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </span>
  );
}
