import { useRef } from "preact/hooks";
import { note, noteOf } from "../store/notes";
import { open } from "../store/notices";
import { words } from "../words";

const MOST_TEXT = 2000;

/** Asks what there is to say of an image, and keeps it. Resolves with whether it is on the disk. */
export async function editNote(name: string): Promise<boolean> {
  const before = noteOf(name);
  const text = await open<string>(words.notes.title, (close) => (
    <NoteForm name={name} text={before.text} onDone={close} />
  ));
  return text !== null && text !== before.text && note(new Map([[name, { ...before, text }]]));
}

function NoteForm({ name, text, onDone }: { name: string; text: string; onDone: (text: string) => void }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const keep = () => onDone(field.current?.value.trim() ?? "");
  return (
    <form
      class="note-form"
      onSubmit={(event) => {
        event.preventDefault();
        keep();
      }}
    >
      <p class="prose">{words.notes.about(name)}</p>
      <textarea
        ref={field}
        data-first
        rows={4}
        maxLength={MOST_TEXT}
        aria-label={words.notes.title}
        defaultValue={text}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          keep();
        }}
      />
      <div class="row end">
        <button type="submit" class="primary">
          {words.notes.keep}
        </button>
      </div>
    </form>
  );
}
