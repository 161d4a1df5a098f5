import { useEffect, useRef, useState } from "preact/hooks";
import { download, post } from "../service/service";
import type { ExportSize } from "../service/types";
import { Field } from "../setup/Field";
import { attempt, open, tell } from "../store/notices";
import { isBoxes, isSeveral, theProject } from "../store/project";
import { words } from "../words";
import { useBusy } from "./busy";
import { useLifetime } from "./lifetime";

const OF_CLASSES = [
  ["csv", "CSV", "csv"],
  ["coco", "COCO", "json"],
  ["cvat", "CVAT", "xml"],
  ["label-studio", "Label Studio", "json"],
] as const;
const OF_BOXES = [
  ["coco", "COCO", "json"],
  ["yolo", "YOLO", "zip"],
  ["voc", "Pascal VOC", "zip"],
  ["cvat", "CVAT", "xml"],
  ["label-studio", "Label Studio", "json"],
] as const;
const FOLDER = ["image-folder", "ImageFolder", "zip"] as const;
type Format = (typeof OF_CLASSES | typeof OF_BOXES)[number][0] | "image-folder";

const DOWNLOAD_S = 3600; // gigabytes take a while

const formats = (): readonly (readonly [Format, string, string])[] =>
  isBoxes() ? OF_BOXES : isSeveral() ? OF_CLASSES : [...OF_CLASSES, FOLDER];

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
  const [format, setFormat] = useState<Format>(formats()[0]![0]);
  const [ofJob, setOfJob] = useState(false);
  const [size, setSize] = useState<ExportSize | null>(null);
  const prefix = useRef<HTMLInputElement>(null);
  const { exports: say } = words;
  const { pool, labels, task = "classification" } = theProject();
  const what = { path_to_labels: labels, path_to_img: pool, task, ...(ofJob && { job }) };
  const lifetime = useLifetime(format, ofJob);
  useEffect(() => {
    setSize(null);
    if (format !== "image-folder") return;
    const { task: _, ...which } = what;
    void attempt(async () => setSize(await post<ExportSize>("export/size", which, { signal: lifetime })));
  }, [lifetime]);
  const isTold = format !== "image-folder" || (size !== null && !size.refused);
  const [isBusy, begin] = useBusy();
  const pack = async () => {
    const url = prefix.current ? { image_prefix: prefix.current.value } : {};
    const [, , ending] = formats().find(([one]) => one === format)!;
    const name = `nextlabel-${format}.${ending}`;
    if (format === "image-folder") tell(say.packing);
    const headers = await download("export", "*/*", name, { format, ...what, ...url }, DOWNLOAD_S);
    const unsaid = Number(headers.get("Nextlabel-Unsaid") ?? 0);
    tell(unsaid ? (isBoxes() ? say.crowds(unsaid) : say.unsaid(unsaid)) : say.saved(name));
    (onDone as () => void)();
  };
  return (
    <form
      class="export"
      onSubmit={(event) => {
        event.preventDefault();
        void begin(pack);
      }}
    >
      {job && (
        <fieldset class="row">
          <legend>{say.what}</legend>
          <label>
            <input type="radio" name="what" checked={!ofJob} onChange={() => setOfJob(false)} /> {say.labels}
          </label>
          <label>
            <input type="radio" name="what" checked={ofJob} onChange={() => setOfJob(true)} /> {say.suggestions}
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
          {formats().map(([one, title]) => (
            <option key={one} value={one}>
              {title}
            </option>
          ))}
        </select>
      </Field>
      {format === "image-folder" && (
        <div role="status">
          {!size && <p class="hint">{words.app.loading}</p>}
          {size && <p>{say.size(size.images, size.bytes)}</p>}
          {size && size.missing > 0 && <p class="hint">{say.missing(size.missing)}</p>}
          {size?.refused && <p class="notice bad">{size.refused}</p>}
        </div>
      )}
      {format === "label-studio" && (
        <Field id="prefix" label={say.prefix} hint={say.prefixHint} fault={undefined}>
          <input id="prefix" ref={prefix} defaultValue="/data/local-files/?d=" spellcheck={false} />
        </Field>
      )}
      <div class="row end">
        <button type="submit" class="primary" disabled={!isTold || isBusy}>
          {say.save}
        </button>
      </div>
    </form>
  );
}
