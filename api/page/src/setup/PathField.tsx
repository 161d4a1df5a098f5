import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "../service/service";
import type { Folder } from "../service/types";
import { words } from "../words";
import { addUp, type Below, imagesBelow } from "./count";
import { Field } from "./Field";
import { pick, type Wanted } from "./Picker";

interface Given {
  id: string;
  label: string;
  hint: string;
  value: string;
  fault?: string | undefined;
  kind: Wanted;
  onChange: (path: string) => void;
  /** Where labels of what was chosen here may go, and where they go by now. */
  onSuggest?: (path: string) => void;
  suggestsFor?: string;
  /** What is being looked up: until then nothing is suggested. */
  onLook?: (looked: Promise<void>) => void;
  focus?: boolean;
}

/** A path, typed or chosen. For images, it says how many lie there. */
export function PathField(given: Given) {
  const { id, label, hint, value, fault, kind, onChange, onSuggest, suggestsFor, focus } = given;
  const field = useRef<HTMLInputElement>(null);
  const browse = useRef<HTMLButtonElement>(null);
  const suggested = useRef<string | null>(null);
  const typed = useRef(value);
  const standing = useRef(suggestsFor);
  standing.current = suggestsFor; // it may be typed while the folder is looked at
  const [found, setFound] = useState("");
  const [unread, setUnread] = useState("");
  const [wrong, setWrong] = useState("");
  const told = wrong || fault;

  useEffect(() => {
    if (focus) browse.current?.focus();
    if (value) look(value);
  }, []);
  useLayoutEffect(() => {
    // what is suggested to somebody who is about to type gives way to what they type, instead of standing before it
    if (value !== typed.current && document.activeElement === field.current) field.current?.select();
    typed.current = value;
  }, [value]);

  const look = (path: string) => {
    const looked = lookInto(path);
    given.onLook?.(looked);
  };
  const lookInto = async (path: string) => {
    setFound("");
    setUnread("");
    setWrong("");
    if (!path || kind !== "images") return;
    const folder = await get<Folder>("folders", { query: { path } }).catch((error) => {
      const isRefused = error instanceof Problem && error.code !== "unreachable"; // a service that is away is told above
      if (isRefused && field.current?.value.trim() === path) setWrong(error.message);
    });
    if (!folder || field.current?.value.trim() !== path) return;
    setFound(folder.images ? words.setup.imagesIn(folder.images) : "");
    setUnread(words.setup.unread(folder.unread));
    if (onSuggest && (!standing.current || standing.current === suggested.current)) {
      suggested.current = folder.path_to_labels;
      onSuggest(suggested.current ?? "");
    }
    void count(path, folder);
  };
  const count = async (path: string, folder: Folder) => {
    const below = await imagesBelow(folder).catch(() => null);
    if (!below || field.current?.value.trim() !== path) return;
    setFound(inWords(folder.images, below));
    addUp(below.unread, folder.unread);
    setUnread(words.setup.unread(below.unread));
  };
  const choose = async () => {
    const path = await pick(label, value || null, kind);
    if (path) {
      onChange(path);
      look(path);
    }
    field.current?.focus();
  };
  return (
    <Field id={id} label={label} hint={hint} fault={told}>
      <div class="row">
        <input
          ref={field}
          id={id}
          value={value}
          spellcheck={false}
          autocomplete="off"
          aria-describedby={`${id}-hint`}
          aria-invalid={!!told}
          onInput={(event) => {
            typed.current = event.currentTarget.value;
            setWrong("");
            onChange(typed.current);
          }}
          onChange={(event) => look(event.currentTarget.value.trim())}
        />
        <button type="button" ref={browse} aria-label={words.setup.browseFor(label)} onClick={() => void choose()}>
          {words.setup.browse}
        </button>
      </div>
      {found && <span class="hint good">{found}</span>}
      {unread && <span class="hint">{unread}</span>}
    </Field>
  );
}

function inWords(here: number, below: Below): string {
  if (!below.images) return here ? words.setup.imagesIn(here) : words.setup.noImages;
  return here
    ? words.setup.imagesBoth(here, below.images, below.more)
    : words.setup.imagesBelow(below.images, below.more);
}
