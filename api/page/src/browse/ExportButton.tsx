import { useRef, useState } from "preact/hooks";
import { download } from "../service/service";
import { Field } from "../setup/Field";
import { attempt, open, tell } from "../store/notices";
import { theProject, theTask } from "../store/project";
import { words } from "../words";

const FORMATS = [
  ["csv", "CSV", "csv"],
  ["coco", "COCO", "json"],
  ["cvat", "CVAT", "xml"],
  ["label-studio", "Label Studio", "json"],
] as const;
type Format = (typeof FORMATS)[number][0];

/** Takes labels, or suggestions, away as a file of another tool. */
export function ExportButton({ job }: { job: string | null }) {
  const ask = () => open<never>(words.exports.title, (close) => <Form job={job} onDone={close} />);
  return (
    <button type="button" class="quiet" title={words.exports.hint} onClick={() => void ask()}>
      {words.exports.go}
    </button>
  );
}

function Form({ job, onDone }: { job: string | null; onDone: (never: never) => void }) {
  const [format, setFormat] = useState<Format>("csv");
  const ofJob = useRef<HTMLInputElement>(null);
  const prefix = useRef<HTMLInputElement>(null);
  const { exports: say } = words;
  const save = () =>
    attempt(async () => {
      const what = { path_to_labels: theProject().labels, ...(ofJob.current?.checked && { job }) };
      const url = prefix.current ? { image_prefix: prefix.current.value } : {};
      const [, , ending] = FORMATS.find(([one]) => one === format)!;
      const name = `nextlabel-${format}.${ending}`;
      const headers = await download("export", "*/*", name, { format, ...what, ...url, ...theTask() });
      const unsaid = Number(headers.get("Nextlabel-Unsaid") ?? 0);
      tell(unsaid ? say.unsaid(unsaid) : say.saved(name));
      (onDone as () => void)();
    });
  return (
    <form
      class="export"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {job && (
        <fieldset class="row">
          <legend>{say.what}</legend>
          <label>
            <input type="radio" name="what" defaultChecked /> {say.labels}
          </label>
          <label>
            <input type="radio" name="what" ref={ofJob} /> {say.suggestions}
          </label>
        </fieldset>
      )}
      <Field id="format" label={say.format} hint={say.formatHint} fault={undefined}>
        <select
          id="format"
          data-first
          value={format}
          onChange={(event) => setFormat(event.currentTarget.value as Format)}
        >
          {FORMATS.map(([one, title]) => (
            <option key={one} value={one}>
              {title}
            </option>
          ))}
        </select>
      </Field>
      {format === "label-studio" && (
        <Field id="prefix" label={say.prefix} hint={say.prefixHint} fault={undefined}>
          <input id="prefix" ref={prefix} defaultValue="/data/local-files/?d=" spellcheck={false} />
        </Field>
      )}
      <div class="row end">
        <button type="submit" class="primary">
          {say.save}
        </button>
      </div>
    </form>
  );
}
